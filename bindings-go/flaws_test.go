package jackstaff

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// The flaws of the guide's own samples, by their numbers: our client must not have them.

var u1 = User("u1")

// For a service that fails often: it is asked each time, and once.
var patient = []Option{WithOption("retry", false), WithOption("breaker", false)}

func Test_guide_flaw_01_a_disabled_flag_is_off_though_the_default_is_true(t *testing.T) {
	client, _ := remote(t, guide(map[string]string{"new_ui": `{"enabled":false}`, "beta": `{"enabled":false}`}))
	equal(t, "check", client.IsEnabled(background, "new_ui", u1, true), false)
	equal(t, "batch", client.BatchEvaluate(background, []string{"new_ui", "beta"}, u1, true), map[string]bool{"new_ui": false, "beta": false})
	equal(t, "local", local(t).IsEnabled(background, "dark_mode", u1, true), false)
}

func Test_guide_flaw_02_the_default_of_one_caller_is_not_kept_for_the_next(t *testing.T) {
	client, _ := remote(t, guide(map[string]string{"new_ui": `{"enabled":false}`}))
	for _, def := range []bool{true, false} {
		equal(t, "known", client.IsEnabled(background, "new_ui", u1, def), false)
		equal(t, "unknown", client.IsEnabled(background, "unknown", u1, def), def)
	}
}

func Test_guide_flaw_03_to_06_what_is_no_answer_is_the_default_and_is_not_kept(t *testing.T) {
	client, service := remote(t, replyJSON(`{}`), patient...)
	answers := []http.HandlerFunc{replyJSON(`{}`), replyJSON(`{"enabled":null}`), replyJSON(`{"enabled":"false"}`), replyJSON(`{"enabled":"true"}`), replyJSON(`{"enabled":1}`),
		replyJSON(`{"enabled":[]}`), reply(200, "text/html", "<html>Please log in</html>"), replyJSON(`[]`), replyJSON(`{"enabled":tru`), replyJSON(``)}
	for i, answer := range answers {
		service.now(answer)
		for _, def := range []bool{true, false} {
			equal(t, fmt.Sprint("answer ", i), client.IsEnabled(background, "new_ui", u1, def), def)
			equal(t, fmt.Sprint("batch ", i), client.BatchEvaluate(background, []string{"new_ui", "other"}, User("u2"), def), map[string]bool{"new_ui": def, "other": def})
		}
	}
	service.now(guide(map[string]string{"new_ui": `{"enabled":true}`}))
	equal(t, "nothing was kept", client.IsEnabled(background, "new_ui", u1, false), true)
}

func Test_guide_flaw_07_an_answer_belongs_to_the_attributes_it_was_asked_with(t *testing.T) {
	client, service := remote(t, func(w http.ResponseWriter, r *http.Request) {
		replyJSON(fmt.Sprintf(`{"enabled":%t}`, questionOf(r).Context["plan"] == "pro"))(w, r)
	})
	free, pro := contextOf(t, "u1", map[string]any{"plan": "free"}), contextOf(t, "u1", map[string]any{"plan": "pro"})
	for _, who := range []Context{free, pro, free, pro} {
		plan := who == pro
		equal(t, "beta", client.IsEnabled(background, "beta", who, !plan), plan)
	}
	equal(t, "trips", len(service.asked()), 2)
}

func Test_guide_flaw_08_a_colon_in_a_flag_or_a_user_confuses_nothing(t *testing.T) {
	client, _ := remote(t, func(w http.ResponseWriter, r *http.Request) {
		replyJSON(fmt.Sprintf(`{"enabled":%t}`, questionOf(r).User == "c"))(w, r)
	})
	equal(t, "a, b:c", client.IsEnabled(background, "a", User("b:c"), false), false)
	equal(t, "a:b, c", client.IsEnabled(background, "a:b", User("c"), false), true)
	equal(t, "a, b:c again", client.IsEnabled(background, "a", User("b:c"), true), false)
}

func Test_guide_flaw_09_more_than_booleans_and_always_a_reason(t *testing.T) {
	client, _ := remote(t, guide(map[string]string{"theme": `{"enabled":true,"value":"dark","variant":"dark","reason":"user_targeted","version":7,"epoch":"e"}`}))
	equal(t, "value", client.String(background, "theme", u1, "light"), "dark")
	found := client.Evaluate(background, "theme", u1, "light")
	equal(t, "what is known", []any{found.Value, found.Variant, found.Reason, found.Origin, found.Version, found.Epoch}, []any{"dark", "dark", UserTargeted, OriginMemory, uint64(7), "e"})
	equal(t, "unknown", client.Evaluate(background, "unknown", u1, "x").Reason, FlagNotFound)
}

func Test_guide_flaw_10_to_12_a_batch_has_an_entry_for_each_name_whatever_the_service_says(t *testing.T) {
	client, service := remote(t, guide(nil), append(patient, WithCacheTTL(0))...)
	for _, status := range []int{401, 403, 404, 429, 500, 503} {
		service.now(reply(status, "application/json", "{}"))
		equal(t, fmt.Sprint(status), client.BatchEvaluate(background, []string{"a", "b"}, u1, true), map[string]bool{"a": true, "b": true})
	}
	service.now(guide(map[string]string{"a": `{"enabled":false}`}))
	equal(t, "one is left out", client.BatchEvaluate(background, []string{"a", "b"}, u1, true), map[string]bool{"a": false, "b": true})
}

func Test_guide_flaw_13_and_15_the_user_is_in_the_body_and_never_in_the_address(t *testing.T) {
	client, service := remote(t, guide(map[string]string{"a": `{"enabled":true}`, "b": `{"enabled":true}`}))
	user := "u&environment=production#x"
	client.BatchEvaluate(background, []string{"a", "b"}, User(user), false)
	client.IsEnabled(background, "a", User(user+"2"), false)
	requests := service.asked()
	equal(t, "trips", len(requests), 2)
	for _, request := range requests {
		var q question
		json.Unmarshal([]byte(request.body), &q)
		if strings.Contains(request.url, "u") && strings.Contains(request.url, "production") || !strings.HasPrefix(q.User, user) || q.Environment != "test" {
			t.Errorf("%+v", request)
		}
	}
}

func Test_guide_flaw_14_a_batch_is_one_trip_and_brings_what_was_asked(t *testing.T) {
	client, service := remote(t, func(w http.ResponseWriter, r *http.Request) {
		all := map[string]any{"extra": map[string]any{"enabled": true}}
		for _, flag := range questionOf(r).Flags {
			all[flag] = map[string]any{"enabled": true}
		}
		text, _ := json.Marshal(all)
		replyJSON(string(text))(w, r)
	})
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprint("flag_", i%25))
	}
	equal(t, "answers", len(client.BatchEvaluate(background, names, u1, false)), 25)
	requests := service.asked()
	equal(t, "trips", len(requests), 1)
	var q question
	json.Unmarshal([]byte(requests[0].body), &q)
	equal(t, "asked", len(q.Flags), 25)
}

func Test_guide_flaw_21_many_checks_of_one_thing_are_one_trip(t *testing.T) {
	release := make(chan struct{})
	client, service := remote(t, func(w http.ResponseWriter, r *http.Request) {
		<-release
		replyJSON(`{"enabled":true}`)(w, r)
	})
	var all sync.WaitGroup
	answers := make([]bool, 200)
	for i := range answers {
		all.Add(1)
		go func() {
			defer all.Done()
			answers[i] = client.IsEnabled(background, "new_ui", u1, false)
		}()
	}
	within(t, "the trip is under way", func() bool { return len(service.asked()) > 0 })
	time.Sleep(50 * time.Millisecond) // most are waiting by now; whoever comes later finds the answer
	close(release)
	all.Wait()
	for _, answer := range answers {
		equal(t, "answer", answer, true)
	}
	equal(t, "trips", len(service.asked()), 1)
}

func Test_guide_flaw_22_when_the_service_fails_its_last_answer_stays(t *testing.T) {
	client, service := remote(t, guide(map[string]string{"new_ui": `{"enabled":true}`}), WithLocalTTL(50*time.Millisecond))
	equal(t, "first", client.IsEnabled(background, "new_ui", u1, false), true)
	time.Sleep(80 * time.Millisecond)
	service.now(reply(503, "text/plain", "down"))
	found := client.Evaluate(background, "new_ui", u1, false)
	equal(t, "value and origin", []any{found.Value, found.Origin}, []any{true, OriginMemory})
	if found.Age < 50*time.Millisecond {
		t.Errorf("age is %v", found.Age)
	}
}

func Test_guide_flaw_29_a_time_to_live_of_0_means_no_cache(t *testing.T) {
	client, service := remote(t, guide(map[string]string{"new_ui": `{"enabled":true}`}), WithCacheTTL(0))
	for range 3 {
		equal(t, "answer", client.IsEnabled(background, "new_ui", u1, false), true)
	}
	equal(t, "trips", len(service.asked()), 3)
}

func Test_guide_flaw_34_answers_are_kept_in_the_process(t *testing.T) {
	client, service := remote(t, guide(map[string]string{"new_ui": `{"enabled":true}`}))
	for range 20 {
		equal(t, "answer", client.IsEnabled(background, "new_ui", u1, false), true)
	}
	equal(t, "trips", len(service.asked()), 1)
}

func Test_guide_flaw_37_a_service_that_hangs_costs_one_deadline(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	hang := func(http.ResponseWriter, *http.Request) { <-stop }
	half := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, `{"enabled": tr`)
		w.(http.Flusher).Flush()
		<-stop
	}
	for _, answer := range []http.HandlerFunc{hang, half} {
		client, _ := remote(t, answer, WithTimeout(300*time.Millisecond))
		begun := time.Now()
		equal(t, "check", client.IsEnabled(background, "a", u1, true), true)
		equal(t, "batch", client.BatchEvaluate(background, []string{"c", "d"}, u1, true), map[string]bool{"c": true, "d": true})
		if took := time.Since(begun); took < 290*time.Millisecond || took > 10*time.Second {
			t.Errorf("took %v", took)
		}
	}
}

func Test_guide_flaw_38_and_54_a_failure_is_one_line_with_a_reason_and_without_the_user(t *testing.T) {
	var mu sync.Mutex
	var log bytes.Buffer
	SetLogger(slog.New(slog.NewTextHandler(writer(func(text []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(text)
	}), &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer SetLogger(slog.New(slog.DiscardHandler))
	client, _ := remote(t, reply(500, "application/json", "{}"))
	for range 20 {
		client.IsEnabled(background, "new_ui", User("somebody@example.org"), false)
	}
	said := func() string {
		mu.Lock()
		defer mu.Unlock()
		return log.String()
	}
	within(t, "a line", func() bool { return strings.Contains(said(), "level=WARN") })
	time.Sleep(50 * time.Millisecond) // a second line would come right after
	equal(t, "warnings", strings.Count(said(), "level=WARN"), 1)
	contains(t, said(), "new_ui")
	if strings.Contains(said(), "somebody") {
		t.Error(said())
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(text []byte) (int, error) { return w(text) }

func Test_guide_flaw_42_an_outage_does_not_look_like_flags_that_are_off(t *testing.T) {
	client, service := remote(t, reply(503, "text/plain", "down"))
	found := client.Evaluate(background, "new_ui", u1, false)
	equal(t, "during", []any{found.Reason, found.Origin}, []any{ReasonError, OriginDefault})
	stats := client.Stats()
	equal(t, "stats", []any{stats.Status, stats.LastError != ""}, []any{StatusStale, true})
	service.now(guide(map[string]string{"new_ui": `{"enabled":false}`}))
	equal(t, "after", client.Evaluate(background, "new_ui", u1, true).Value, false)
	equal(t, "status after", client.Stats().Status, StatusReady)
}

func Test_guide_flaw_51_the_key_is_sent_and_is_in_no_message(t *testing.T) {
	client, service := remote(t, guide(map[string]string{"new_ui": `{"enabled":true}`}), WithAPIKey("secret-key"))
	client.IsEnabled(background, "new_ui", u1, false)
	equal(t, "key", service.asked()[0].key, "Bearer secret-key")
	_, err := New("http://x", "test", WithAPIKey("secret\nkey"))
	if !errors.Is(err, ErrInvalidArgument) || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

func Test_guide_flaw_52_and_65_no_environment_or_no_address_is_an_error_and_not_development(t *testing.T) {
	t.Setenv("ENVIRONMENT", "")
	t.Setenv("CONFIG_SERVICE_URL", "")
	_, err := New("http://x", "")
	if !errors.Is(err, ErrInvalidArgument) {
		t.Error(err)
	}
	contains(t, err.Error(), "environment is not set")
	_, err = New("", "test")
	contains(t, err.Error(), "config_service_url is not set")
	t.Setenv("ENVIRONMENT", "test")
	t.Setenv("CONFIG_SERVICE_URL", "http://x/")
	client, err := FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "environment", client.Stats().Environment, "test")
	client.Close()
}

func Test_guide_flaw_56_what_is_kept_is_bounded(t *testing.T) {
	mock, err := NewMock(map[string]any{"new_ui": true})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 10_100 {
		mock.IsEnabled(background, "new_ui", User(fmt.Sprint("u", n)), false)
	}
	checks := mock.Checks()
	equal(t, "checks", []any{len(checks), checks[0].User}, []any{10_000, "u100"})
	client := local(t)
	for range 1000 {
		if _, err := client.OnChange(func(Change) {}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = client.OnChange(func(Change) {})
	contains(t, fmt.Sprint(err), "there are 1000 change listeners already")
	_, err = NewContext(strings.Repeat("x", 70_000), map[string]any{"a": 1})
	equal(t, "too long", errors.Is(err, ErrInvalidArgument), true)
	equal(t, "a user that long is the default", client.IsEnabled(background, "new_ui", User(strings.Repeat("x", 70_000)), false), false)
}

func Test_guide_flaw_57_and_58_one_client_serves_any_number_of_goroutines(t *testing.T) {
	client, _ := remote(t, guide(map[string]string{"new_ui": `{"enabled":true}`}), WithCacheTTL(0))
	var all sync.WaitGroup
	for n := range 20 {
		all.Add(1)
		go func() {
			defer all.Done()
			if !client.IsEnabled(background, "new_ui", User(fmt.Sprint("u", n)), false) {
				t.Error("no answer for", n)
			}
		}()
	}
	all.Wait()
}

func Test_guide_flaw_60_flags_can_be_there_before_the_first_check(t *testing.T) {
	client, err := New("http://127.0.0.1:1", "test", WithBootstrap(json.RawMessage(document)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	equal(t, "check", client.IsEnabled(background, "new_ui", u1, false), true)
	if err := client.Ready(background); err != nil {
		t.Error(err)
	}
}

func Test_guide_flaw_62_to_64_the_mock_is_the_real_client(t *testing.T) {
	mock, err := NewMock(map[string]any{"new_ui": map[string]any{"value": false, "users": map[string]any{"u1": true}}})
	if err != nil {
		t.Fatal(err)
	}
	defer mock.Close()
	var client *Client = mock.Client // what the code under test takes
	equal(t, "batch", client.BatchEvaluate(background, []string{"new_ui", "other"}, u1, false), map[string]bool{"new_ui": true, "other": false})
	equal(t, "another user", client.IsEnabled(background, "new_ui", User("u2"), true), false)
	equal(t, "recorded", mock.Checks()[0], Check{Flag: "new_ui", User: "u1", Enabled: true})
}

func Test_guide_flaw_67_the_module_has_a_name_that_go_get_understands(t *testing.T) {
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, string(text), "module github.com/jackstaff/jackstaff/bindings-go\n")
	if strings.Contains(string(text), "require") {
		t.Error("the module depends on nothing but Go")
	}
}

func Test_guide_flaw_68_the_words_are_those_of_the_core(t *testing.T) {
	equal(t, "reasons", reasonWords(), fmt.Sprint(reasons))
	equal(t, "origins", originWords(), fmt.Sprint(origins))
}

func Test_a_service_that_answers_anything_at_all_never_makes_a_check_fail(t *testing.T) {
	answers := []http.HandlerFunc{replyJSON(`null`), replyJSON(`"x"`), reply(200, "text/plain", strings.Repeat("x", 1e6)), reply(204, "text/plain", ""), reply(301, "text/plain", ""),
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}
	for i, answer := range answers {
		client, _ := remote(t, answer)
		for _, def := range []bool{true, false} {
			equal(t, fmt.Sprint("answer ", i), client.IsEnabled(background, "new_ui", u1, def), def)
			equal(t, fmt.Sprint("evaluation ", i), client.Evaluate(background, "new_ui", u1, def).Value, def)
		}
		equal(t, fmt.Sprint("text ", i), client.String(background, "new_ui", u1, "x"), "x")
	}
}
