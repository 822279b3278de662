package jackstaff

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type layout struct {
	Columns int
	Names   []string
}

func Test_typed_getters_check_the_type(t *testing.T) {
	client := local(t)
	equal(t, "Bool", client.Bool(background, "new_ui", u1, false), true)
	equal(t, "String", client.String(background, "theme", u1, "light"), "dark")
	equal(t, "Int", client.Int(background, "limit", u1, 3), int64(20))
	equal(t, "Float", client.Float(background, "ratio", u1, 1), 0.5)
	equal(t, "Float of an integer", client.Float(background, "limit", u1, 1), 20.0)
	equal(t, "Object", Object(background, client, "layout", u1, layout{}), layout{3, []string{"a", "b"}})
	equal(t, "Object of text", Object(background, client, "theme", u1, ""), "dark")
	equal(t, "another type", client.String(background, "limit", u1, "x"), "x")
	equal(t, "a fraction", client.Int(background, "ratio", u1, 3), int64(3))
	equal(t, "an object that does not fit", Object(background, client, "layout", u1, []int{7}), []int{7})
	equal(t, "unknown", []any{client.Int(background, "no", u1, 4), client.Float(background, "no", u1, 4), client.String(background, "no", u1, "4")}, []any{int64(4), 4.0, "4"})
}

func Test_evaluate_tells_all_and_takes_its_type_from_the_default(t *testing.T) {
	client := local(t)
	for _, one := range []struct {
		flag   string
		def    any
		want   any
		reason Reason
	}{
		{"new_ui", false, true, Fallthrough}, {"theme", "x", "dark", Fallthrough}, {"limit", 1, int64(20), Fallthrough}, {"ratio", 1.5, 0.5, Fallthrough},
		{"layout", map[string]any{}, map[string]any{"columns": 3.0, "names": []any{"a", "b"}}, Fallthrough}, {"limit", nil, int64(20), Fallthrough},
		{"limit", "x", "x", TypeMismatch}, {"no", 7, 7, FlagNotFound}, {"dark_mode", true, false, Disabled},
	} {
		found := client.Evaluate(background, one.flag, u1, one.def)
		equal(t, one.flag, []any{found.Value, found.Reason}, []any{one.want, one.reason})
	}
	found := client.Evaluate(background, "beta", contextOf(t, "u", map[string]any{"plan": "pro"}), false)
	equal(t, "rule", []any{found.Flag, found.Value, found.Enabled, found.Variant, found.Rule, found.Origin}, []any{"beta", true, true, "on", "pros", OriginLocal})
}

func Test_texts_of_any_length_come_whole(t *testing.T) {
	for _, length := range []int{0, 1, 200, 255, 256, 257, 300, 5000} {
		text := strings.Repeat("ж", length)
		mock, err := NewMock(map[string]any{"text": text})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, fmt.Sprint(length), mock.String(background, "text", u1, "x"), text)
		equal(t, "evaluation", mock.Evaluate(background, "text", u1, "x").Value, any(text))
		mock.Close()
	}
}

func Test_contexts(t *testing.T) {
	client := local(t)
	free, pro := contextOf(t, "u1", map[string]any{"plan": "free"}), contextOf(t, "u1", map[string]any{"plan": "pro"})
	anonymous, err := Anonymous(map[string]any{"plan": "pro"})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		who  Context
		want bool
	}{{free, false}, {pro, true}, {anonymous, true}, {u1, false}, {Context{}, false}} {
		equal(t, "IsEnabled", client.IsEnabled(background, "beta", one.who, !one.want), one.want)
		equal(t, "Flag", client.Flag("beta").IsEnabled(background, one.who, !one.want), one.want)
		equal(t, "Flags", client.Flags("beta", "new_ui").IsEnabled(background, one.who, !one.want), []bool{one.want, true})
	}
	id, ok := pro.ID()
	equal(t, "ID", []any{id, ok}, []any{"u1", true})
	_, ok = anonymous.ID()
	equal(t, "no ID", ok, false)
	for _, value := range []any{math.NaN(), func() {}, make(chan int), strings.Repeat("x", 70_000)} {
		if _, err := NewContext("u", map[string]any{"a": value}); !errors.Is(err, ErrInvalidArgument) {
			t.Errorf("%T: %v", value, err)
		}
	}
	equal(t, "an id that is no UTF-8", client.IsEnabled(background, "new_ui", User("\xff\xfe"), false), true)
	equal(t, "a flag that is no UTF-8", client.IsEnabled(background, "\xff", u1, true), true)
}

func Test_an_empty_id_is_not_nobody(t *testing.T) {
	client, err := FromJSON([]byte(`{"environments":["test"],"flags":{"f":{"targets":{"on":[""]},"fallthrough":"off"}}}`), WithEnvironment("test"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	equal(t, "empty and nobody", []bool{client.IsEnabled(background, "f", User(""), false), client.IsEnabled(background, "f", Context{}, false)}, []bool{true, false})
}

func Test_flags_from_files_and_maps(t *testing.T) {
	file := filepath.Join(t.TempDir(), "flags.json")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(document)
	client, err := FromFile(file, WithEnvironment("test"), WithPollInterval(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	equal(t, "from the file", client.IsEnabled(background, "new_ui", u1, false), true)
	heard := make(chan Change, 10)
	stop, err := client.OnChange(func(change Change) { heard <- change })
	if err != nil {
		t.Fatal(err)
	}
	write(strings.Replace(document, `"new_ui": {"type": "boolean", "fallthrough": "on"}`, `"new_ui": {"type": "boolean", "fallthrough": "off"}`, 1))
	select {
	case change := <-heard:
		equal(t, "environment", change.Environment, "test")
	case <-time.After(20 * time.Second):
		t.Fatal("no change was heard of")
	}
	equal(t, "after the change", client.IsEnabled(background, "new_ui", u1, true), false)
	stop()
	stop()
	_, err = FromFile(filepath.Join(t.TempDir(), "none.yaml"))
	equal(t, "no file", errors.Is(err, ErrIO), true)
	_, err = FromJSON([]byte(`{"flags": {"f": {"ruels": []}}}`))
	equal(t, "a mistake", errors.Is(err, ErrInvalidDocument), true)
	contains(t, err.Error(), "ruels")
	mapped, err := FromMap(map[string]any{"flags": map[string]any{"f": map[string]any{"fallthrough": "on"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer mapped.Close()
	equal(t, "from a map", mapped.IsEnabled(background, "f", u1, false), true)
}

func Test_options_are_checked_by_the_core(t *testing.T) {
	for part, opt := range map[string]Option{
		"evaluation is \"sometimes\"":   WithEvaluation("sometimes"),
		"timeout is -1":                 WithTimeout(-time.Second),
		"there is no option \"nosuch\"": WithOption("nosuch", 1),
		"options: json":                 WithBootstrap(func() {}),
	} {
		_, err := New("http://x", "test", opt, nil)
		if !errors.Is(err, ErrInvalidArgument) {
			t.Fatal(part, err)
		}
		contains(t, err.Error(), part)
	}
	client, err := New("http://127.0.0.1:1", "test", WithAPIKey("k"), WithEvaluation(Local), WithCacheTTL(time.Second), WithLocalTTL(time.Second), WithCacheEntries(5),
		WithTimeout(time.Second), WithPollInterval(time.Second), WithStream(false), WithMaxStale(time.Hour), WithBootstrap(json.RawMessage(document)),
		WithSoftTTL(time.Second), WithCacheBytes(1<<20), WithRetry(Retry{Attempts: 1, Min: time.Millisecond}), WithBreaker(Breaker{Failures: 3}),
		WithRedisTimeout(time.Second), WithRedisSecret("a secret of some length"), WithRedisCA("/no/such/file"), WithSnapshotPath(filepath.Join(t.TempDir(), "s")), WithEnvironment("other"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "what is given by name counts", client.Stats().Environment, "test")
	client.Close()
}

func Test_ready_and_version_stop_with_their_context(t *testing.T) {
	client, err := New("http://127.0.0.1:1", "test", WithEvaluation(Local))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(background, 50*time.Millisecond)
	defer cancel()
	err = client.Ready(ctx)
	if !errors.Is(err, ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(background)
	cancel()
	if err := client.WaitForVersion(gone, 7); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	equal(t, "a check that nobody waits for", client.IsEnabled(gone, "new_ui", u1, true), true)
	equal(t, "its reason", client.Evaluate(gone, "new_ui", u1, true).Reason, NotReady)
	there := local(t)
	if err := there.Ready(nil); err != nil { //nolint:staticcheck // a nil context is forgiven
		t.Error(err)
	}
	equal(t, "memory does not mind", there.IsEnabled(gone, "new_ui", u1, false), true)
	var failed *Error
	if !errors.As(err, &failed) || !failed.Temporary() {
		t.Error(err)
	}
}

func Test_stats_and_close(t *testing.T) {
	client := local(t)
	client.IsEnabled(background, "new_ui", u1, false)
	stats := client.Stats()
	equal(t, "stats", []any{stats.Status, stats.Checks, stats.ByOrigin[OriginLocal], stats.Flags, stats.LastError}, []any{StatusReady, uint64(1), uint64(1), 7, ""})
	for range 2 {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	}
	equal(t, "status", client.Stats().Status, StatusClosed)
	for _, def := range []bool{true, false} {
		equal(t, "closed", client.IsEnabled(background, "new_ui", u1, def), def)
		equal(t, "batch", client.BatchEvaluate(background, []string{"new_ui"}, u1, def), map[string]bool{"new_ui": def})
		equal(t, "set", client.Flags("new_ui").IsEnabled(background, u1, def), []bool{def})
	}
	equal(t, "reason", client.Evaluate(background, "new_ui", u1, false).Reason, NotReady)
	equal(t, "ready", errors.Is(client.Ready(background), ErrClosed), true)
	var zero Client
	equal(t, "the zero client", []any{zero.IsEnabled(background, "f", u1, true), zero.String(background, "f", u1, "x"), zero.Stats().Status, zero.Close()}, []any{true, "x", StatusClosed, nil})
	equal(t, "its readiness", errors.Is(zero.Ready(background), ErrInvalidArgument), true)
	if _, err := zero.OnChange(func(Change) {}); !errors.Is(err, ErrInvalidArgument) {
		t.Error(err)
	}
}

func Test_the_mock(t *testing.T) {
	mock, err := NewMock(map[string]any{"new_ui": true, "limit": 20, "theme": map[string]any{"value": "light", "users": map[string]any{"u1": "dark"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer mock.Close()
	set := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "theme", []string{mock.String(background, "theme", u1, ""), mock.String(background, "theme", User("u2"), "")}, []string{"dark", "light"})
	set(mock.SetFor("u2", "new_ui", false))
	set(mock.SetFor("u2", "theme", "blue"))
	equal(t, "one user", []bool{mock.IsEnabled(background, "new_ui", u1, false), mock.IsEnabled(background, "new_ui", User("u2"), true)}, []bool{true, false})
	equal(t, "others keep theirs", []string{mock.String(background, "theme", u1, ""), mock.String(background, "theme", User("u2"), "")}, []string{"dark", "blue"})
	set(mock.Set("new_ui", false))
	set(mock.SetFor("7", "fresh", true))
	equal(t, "set", []bool{mock.IsEnabled(background, "new_ui", u1, true), mock.IsEnabled(background, "fresh", User("7"), false), mock.IsEnabled(background, "fresh", User("8"), false)}, []bool{false, true, false})
	equal(t, "recorded", len(mock.Checks()), 9)
	if err := mock.Set("f", func() {}); !errors.Is(err, ErrInvalidArgument) {
		t.Error(err)
	}
	_, err = NewMock(map[string]any{"f": map[string]any{"type": "nonsense"}})
	if err == nil {
		t.Error("a flag that does not compile is an error")
	}
	empty, err := NewMock(nil)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "no flags", empty.IsEnabled(background, "f", u1, true), true)
}

func Test_errors_are_values(t *testing.T) {
	err := fmt.Errorf("at start: %w", &Error{Kind: Timeout, Message: "m", Cause: context.Canceled})
	equal(t, "Is", []bool{errors.Is(err, ErrTimeout), errors.Is(err, ErrClosed), errors.Is(err, context.Canceled)}, []bool{true, false, true})
	equal(t, "text", []string{ErrClosed.Error(), err.Error()}, []string{"jackstaff: closed", "at start: jackstaff: m"})
}

func Test_log_fields_keep_their_order(t *testing.T) {
	equal(t, "fields", fmt.Sprint(attributes([]byte(`{"flag":"f","n":1,"list":[1,2]}`))), "[flag=f n=1 list=[1 2]]")
	equal(t, "none", len(attributes([]byte(`nonsense`))), 0)
	var raw json.RawMessage
	equal(t, "nothing", len(attributes(raw)), 0)
}
