package jackstaff

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	SetLogger(slog.New(slog.DiscardHandler)) // tests ask for flags that are not there all the time
	os.Exit(m.Run())
}

var background = context.Background()

// A document of flags of every type.
const document = `{"environments": ["test"], "flags": {
	"new_ui": {"type": "boolean", "fallthrough": "on"},
	"dark_mode": {"type": "boolean", "enabled": false, "fallthrough": "on"},
	"beta": {"type": "boolean", "fallthrough": "off", "rules": [{"name": "pros", "when": {"attribute": "plan", "equals": "pro"}, "serve": "on"}]},
	"theme": {"type": "string", "variants": {"light": "light", "dark": "dark"}, "fallthrough": "dark"},
	"limit": {"type": "integer", "variants": {"few": 20}, "fallthrough": "few"},
	"ratio": {"type": "double", "variants": {"half": 0.5}, "fallthrough": "half"},
	"layout": {"type": "json", "variants": {"grid": {"columns": 3, "names": ["a", "b"]}}, "fallthrough": "grid"}
}}`

func local(t testing.TB) *Client {
	t.Helper()
	client, err := FromJSON([]byte(document), WithEnvironment("test"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func contextOf(t testing.TB, id string, attributes map[string]any) Context {
	t.Helper()
	who, err := NewContext(id, attributes)
	if err != nil {
		t.Fatal(err)
	}
	return who
}

func equal(t testing.TB, what string, got, want any) {
	t.Helper()
	if a, b := fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want); a != b {
		t.Errorf("%s: got %s, want %s", what, a, b)
	}
}

func contains(t testing.TB, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q is not in %q", part, text)
	}
}

// within waits for something that happens soon, however slow the machine.
func within(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// asked is a request that a fake service got.
type asked struct {
	url, key, body string
}

// fake is a service that answers as a test wants, and keeps what it was asked.
type fake struct {
	*httptest.Server
	mu       sync.Mutex
	answer   http.HandlerFunc
	requests []asked
}

func serve(t testing.TB, answer http.HandlerFunc) *fake {
	t.Helper()
	f := &fake{answer: answer}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		f.mu.Lock()
		f.requests = append(f.requests, asked{r.URL.String(), r.Header.Get("Authorization"), string(body)})
		answer := f.answer
		f.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(func() {
		f.CloseClientConnections()
		f.Close()
	})
	return f
}

func (f *fake) now(answer http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func (f *fake) asked() []asked {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]asked(nil), f.requests...)
}

func reply(status int, kind, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

func replyJSON(text string) http.HandlerFunc {
	return reply(200, "application/json", text)
}

// question is what the service is asked.
type question struct {
	Flag        string         `json:"flag_name"`
	Flags       []string       `json:"flag_names"`
	User        string         `json:"user_id"`
	Environment string         `json:"environment"`
	Context     map[string]any `json:"context"`
}

func questionOf(r *http.Request) (q question) {
	json.NewDecoder(r.Body).Decode(&q)
	return q
}

// guide answers as the guide's two endpoints do; answers are JSON objects by flag.
func guide(answers map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/v1/feature-flags/evaluate") {
			reply(404, "application/json", `{"error":{"code":"not_found"}}`)(w, r)
			return
		}
		q := questionOf(r)
		if !strings.Contains(r.URL.Path, "/batch") {
			if answer, ok := answers[q.Flag]; ok {
				replyJSON(answer)(w, r)
			} else {
				reply(404, "application/json", `{"error":{"code":"not_found"}}`)(w, r)
			}
			return
		}
		all := map[string]json.RawMessage{}
		for _, flag := range q.Flags {
			if answer, ok := answers[flag]; ok {
				all[flag] = json.RawMessage(answer)
			}
		}
		text, _ := json.Marshal(all)
		replyJSON(string(text))(w, r)
	}
}

// remote is a client of a service that answers so.
func remote(t testing.TB, answer http.HandlerFunc, opts ...Option) (*Client, *fake) {
	t.Helper()
	service := serve(t, answer)
	opts = append([]Option{WithEvaluation(Remote), WithTimeout(3 * time.Second)}, opts...)
	client, err := New(service.URL, "test", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client, service
}

// service is the real config service.
type service struct {
	URL     string
	process *exec.Cmd
}

// start starts the real config service with the flags of the example; the test is skipped where it has not been built.
func start(t testing.TB) *service {
	t.Helper()
	binary := os.Getenv("JACKSTAFF_BIN")
	if binary == "" {
		binary = filepath.Join("..", "target", "release", "jackstaff")
	}
	if _, err := os.Stat(binary); err != nil {
		t.Skipf("%s has not been built: cargo build --release -p jackstaff-service, or set JACKSTAFF_BIN", binary)
	}
	flags := filepath.Join("..", "examples", "flags.yaml")
	command := exec.Command(binary, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--flags", flags, "--json")
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	s := &service{process: command}
	t.Cleanup(s.stop)
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("the service did not start: %v", err)
	}
	var first struct{ URL string }
	if err := json.Unmarshal(line, &first); err != nil {
		t.Fatal(err)
	}
	s.URL = first.URL
	return s
}

func (s *service) stop() {
	if s.process != nil {
		s.process.Process.Kill()
		s.process.Wait()
		s.process = nil
	}
}

// patch changes a flag as it is now, and says which version of production has the change.
func (s *service) patch(t testing.TB, flag, patch string) uint64 {
	t.Helper()
	place := s.URL + "/api/v1/flags/" + flag
	before, err := http.Get(place)
	if err != nil {
		t.Fatal(err)
	}
	before.Body.Close()
	request, _ := http.NewRequest(http.MethodPatch, place, strings.NewReader(patch))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("If-Match", before.Header.Get("ETag"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var moved struct {
		Environments map[string]struct{ Version uint64 }
	}
	if err := json.NewDecoder(response.Body).Decode(&moved); err != nil || response.StatusCode != 200 {
		t.Fatal(response.Status, err)
	}
	return moved.Environments["production"].Version
}
