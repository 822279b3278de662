//go:build !((linux || darwin) && (amd64 || arm64) && cgo)

package jackstaff

// There is no library for this platform, or cgo is off. The next line fails on purpose: its name is the message.
var _ = jackstaff_needs_cgo_and_linux_or_darwin_on_amd64_or_arm64
