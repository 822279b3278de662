// Package jackstaff evaluates feature flags in process, with the core that every Jackstaff client shares.
//
// A [Client] is made once, at start, and shared by all goroutines. It keeps the flags of one environment in memory and follows the config
// service, so that a check is a function call: no network, no lock, no allocation.
//
//	flags, err := jackstaff.New("http://config-service:8082", "production")
//	if err != nil {
//		return err
//	}
//	defer flags.Close()
//
//	if flags.IsEnabled(ctx, "new_ui", jackstaff.User("user123"), false) {
//		...
//	}
//
// Who asks is a [Context]: [User] for an id alone, [NewContext] for an id with attributes, built once per request and used for all its checks.
//
// A check never fails and never panics: where nobody can say, the caller's default serves, and [Client.Evaluate] tells why. It waits only while
// the flags are not there yet (or for ever so, with [Remote]), no longer than [WithTimeout] or its context.Context allows; use [Client.Ready] at
// start and it never waits at all.
//
// For tests there is [NewMock], for programs without a service [FromFile] and [FromMap].
//
// The core is a static library of Rust, called through cgo: see README.md for what that asks of your build.
package jackstaff
