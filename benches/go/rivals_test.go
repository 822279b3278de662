// Nanoseconds per check beside LaunchDarkly's, Unleash's and flagd's Go SDKs, evaluating the same two flags in process in the same run: a percentage of users, and a rule
// on an attribute. All of them offline, each from the source its maker offers for that. The context is built once for everybody.
//
//	python3 scripts/go.py bench
package rivals

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	unleash "github.com/Unleash/unleash-go-sdk/v5"
	unleashcontext "github.com/Unleash/unleash-go-sdk/v5/context"
	jackstaff "github.com/jackstaff/jackstaff/bindings-go"
	"github.com/launchdarkly/go-sdk-common/v3/ldcontext"
	"github.com/launchdarkly/go-sdk-common/v3/ldvalue"
	"github.com/launchdarkly/go-server-sdk-evaluation/v3/ldbuilders"
	ld "github.com/launchdarkly/go-server-sdk/v7"
	"github.com/launchdarkly/go-server-sdk/v7/ldcomponents"
	"github.com/launchdarkly/go-server-sdk/v7/testhelpers/ldtestdata"
	flagd "github.com/open-feature/go-sdk-contrib/providers/flagd/pkg"
	"github.com/open-feature/go-sdk/openfeature"
)

const (
	user = "user-500"
	plan = "pro"
)

var background = context.Background()

// check asks both flags, and first of all whether they are what they should be: on for pros, and on for some of a thousand users.
func check(b *testing.B, enabled func(flag, user, plan string) bool, half, pros func() bool) {
	b.Helper()
	on := 0
	for n := range 1000 {
		if enabled("half", "user-"+strconv.Itoa(n), plan) {
			on++
		}
	}
	if on < 400 || on > 600 || !enabled("pros", user, plan) || enabled("pros", user, "free") {
		b.Fatalf("the flags are not the same: %d of 1000, pros %t, others %t", on, enabled("pros", user, plan), enabled("pros", user, "free"))
	}
	for name, ask := range map[string]func() bool{"half": half, "pros": pros} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask()
			}
		})
	}
}

func BenchmarkJackstaff(b *testing.B) {
	client, err := jackstaff.FromJSON([]byte(`{"flags": {
		"half": {"rules": [{"percentage": 50, "serve": "on"}], "fallthrough": "off"},
		"pros": {"rules": [{"when": {"attribute": "plan", "equals": "pro"}, "serve": "on"}], "fallthrough": "off"}}}`))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	who := func(user, plan string) jackstaff.Context {
		context, err := jackstaff.NewContext(user, map[string]any{"plan": plan})
		if err != nil {
			b.Fatal(err)
		}
		return context
	}
	me := who(user, plan)
	check(b,
		func(flag, user, plan string) bool { return client.IsEnabled(background, flag, who(user, plan), false) },
		func() bool { return client.IsEnabled(background, "half", me, false) },
		func() bool { return client.IsEnabled(background, "pros", me, false) })
}

func BenchmarkLaunchDarkly(b *testing.B) {
	data := ldtestdata.DataSource()
	rollout := ldbuilders.Rollout(ldbuilders.Bucket(0, 50_000), ldbuilders.Bucket(1, 50_000))
	data.UsePreconfiguredFlag(ldbuilders.NewFlagBuilder("half").On(true).Variations(ldvalue.Bool(true), ldvalue.Bool(false)).OffVariation(1).Fallthrough(rollout).Salt("half").Build())
	data.Update(data.Flag("pros").BooleanFlag().FallthroughVariation(false).IfMatch("plan", ldvalue.String("pro")).ThenReturn(true))
	client, err := ld.MakeCustomClient("key", ld.Config{DataSource: data, Events: ldcomponents.NoEvents(), Logging: ldcomponents.NoLogging()}, 5*time.Second)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	who := func(user, plan string) ldcontext.Context {
		return ldcontext.NewBuilder(user).SetString("plan", plan).Build()
	}
	ask := func(flag string, who ldcontext.Context) bool {
		on, _ := client.BoolVariation(flag, who, false)
		return on
	}
	me := who(user, plan)
	check(b,
		func(flag, user, plan string) bool { return ask(flag, who(user, plan)) },
		func() bool { return ask("half", me) },
		func() bool { return ask("pros", me) })
}

func BenchmarkUnleash(b *testing.B) {
	client, err := unleash.NewClient(
		unleash.WithUrl("http://127.0.0.1:1/api/"), unleash.WithAppName("bench"), unleash.WithDisableMetrics(true), unleash.WithRefreshInterval(time.Hour),
		unleash.WithBackupPath(b.TempDir()), unleash.WithListener(quiet{}),
		unleash.WithStorage(&unleash.BootstrapStorage{Reader: strings.NewReader(`{"version": 2, "features": [
			{"name": "half", "type": "release", "enabled": true, "strategies": [{"name": "flexibleRollout", "parameters": {"rollout": "50", "stickiness": "userId", "groupId": "half"}}]},
			{"name": "pros", "type": "release", "enabled": true, "strategies": [{"name": "default", "constraints": [{"contextName": "plan", "operator": "IN", "values": ["pro"]}]}]}]}`)}))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	who := func(user, plan string) unleashcontext.Context {
		return unleashcontext.Context{UserId: user, Properties: map[string]string{"plan": plan}}
	}
	me := who(user, plan)
	check(b,
		func(flag, user, plan string) bool {
			return client.IsEnabled(flag, unleash.WithContext(who(user, plan)))
		},
		func() bool { return client.IsEnabled("half", unleash.WithContext(me)) },
		func() bool { return client.IsEnabled("pros", unleash.WithContext(me)) })
}

// quiet hears of the server that is not there.
type quiet struct{}

func (quiet) OnError(error)                   {}
func (quiet) OnWarning(error)                 {}
func (quiet) OnReady()                        {}
func (quiet) OnCount(string, bool)            {}
func (quiet) OnSent(unleash.MetricsData)      {}
func (quiet) OnRegistered(unleash.ClientData) {}

func BenchmarkFlagd(b *testing.B) {
	file := filepath.Join(b.TempDir(), "flags.json")
	text := `{"$schema": "https://flagd.dev/schema/v0/flags.json", "flags": {
		"half": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off", "targeting": {"fractional": [["on", 50], ["off", 50]]}},
		"pros": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off", "targeting": {"if": [{"==": [{"var": "plan"}, "pro"]}, "on", "off"]}}}}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	provider, err := flagd.NewProvider(flagd.WithFileResolver(), flagd.WithOfflineFilePath(file))
	if err != nil {
		b.Fatal(err)
	}
	if err := openfeature.SetProviderAndWait(provider); err != nil {
		b.Fatal(err)
	}
	defer openfeature.Shutdown()
	client := openfeature.NewClient("bench")
	who := func(user, plan string) openfeature.EvaluationContext {
		return openfeature.NewEvaluationContext(user, map[string]any{"plan": plan})
	}
	ask := func(flag string, who openfeature.EvaluationContext) bool {
		on, _ := client.BooleanValue(background, flag, false, who)
		return on
	}
	me := who(user, plan)
	check(b,
		func(flag, user, plan string) bool { return ask(flag, who(user, plan)) },
		func() bool { return ask("half", me) },
		func() bool { return ask("pros", me) })
}
