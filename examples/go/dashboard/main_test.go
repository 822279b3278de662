package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	jackstaff "github.com/jackstaff/jackstaff/bindings-go"
)

func get(t *testing.T, url, user string) string {
	t.Helper()
	response, err := http.Get(url + "/api/users/" + user + "/dashboard")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return strings.TrimSpace(string(text))
}

func want(t *testing.T, got, wanted string) {
	t.Helper()
	if got != wanted {
		t.Errorf("got %s, want %s", got, wanted)
	}
}

func Test_a_dashboard_with_a_mock(t *testing.T) {
	flags, err := jackstaff.NewMock(map[string]any{"new_ui": map[string]any{"value": false, "users": map[string]any{"user123": true}}, "dark_mode": true})
	if err != nil {
		t.Fatal(err)
	}
	defer flags.Close()
	server := httptest.NewServer(routes(flags.Client))
	defer server.Close()
	want(t, get(t, server.URL, "user123"), `{"dark_mode":true,"template":"new_dashboard"}`)
	want(t, get(t, server.URL, "anna"), `{"dark_mode":true,"template":"old_dashboard"}`)
}

// started is a program that prints its address first.
func started(t *testing.T, env []string, command ...string) (string, *exec.Cmd) {
	t.Helper()
	process := exec.Command(command[0], command[1:]...)
	process.Env = append(os.Environ(), env...)
	process.Stderr = os.Stderr
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { process.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", command[0], err)
	}
	go io.Copy(io.Discard, out)
	return strings.TrimSpace(line), process
}

func Test_dashboards_follow_the_flags_and_outlive_the_service(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	binary := os.Getenv("JACKSTAFF_BIN")
	if binary == "" {
		binary = filepath.Join(root, "target", "release", "jackstaff")
	}
	dashboard := filepath.Join(root, "target", "go", "dashboard")
	for _, needed := range []string{binary, dashboard} {
		if _, err := os.Stat(needed); err != nil {
			t.Skipf("%s has not been built: make service go", needed)
		}
	}
	line, service := started(t, nil, binary, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--flags", filepath.Join(root, "examples", "flags.yaml"), "--json")
	var first struct{ URL string }
	if err := json.Unmarshal([]byte(line), &first); err != nil {
		t.Fatal(err)
	}
	url, app := started(t, []string{"CONFIG_SERVICE_URL=" + first.URL, "ENVIRONMENT=production", "LISTEN=127.0.0.1:0"}, dashboard)
	if answer := get(t, url, "user123"); !strings.Contains(answer, "new_dashboard") {
		t.Error(answer)
	}
	place := first.URL + "/api/v1/flags/new_ui"
	before, err := http.Get(place)
	if err != nil {
		t.Fatal(err)
	}
	before.Body.Close()
	patch, _ := http.NewRequest(http.MethodPatch, place, strings.NewReader(`{"enabled": false}`))
	patch.Header.Set("Content-Type", "application/json")
	patch.Header.Set("If-Match", before.Header.Get("ETag"))
	if response, err := http.DefaultClient.Do(patch); err != nil || response.StatusCode != 200 {
		t.Fatal(response, err)
	}
	for end := time.Now().Add(20 * time.Second); !strings.Contains(get(t, url, "user123"), "old_dashboard"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the change did not arrive")
		}
	}
	last := get(t, url, "user123")
	service.Process.Kill()
	service.Wait()
	want(t, get(t, url, "user123"), last)
	app.Process.Signal(syscall.SIGTERM)
	if err := app.Wait(); err != nil {
		t.Error(err)
	}
}
