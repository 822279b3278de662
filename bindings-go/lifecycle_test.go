package jackstaff

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func Test_a_change_reaches_the_client_through_the_real_service(t *testing.T) {
	service := start(t)
	client, err := New(service.URL, "production")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(background, 30*time.Second)
	defer cancel()
	if err := client.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	heard := make(chan Change, 10)
	if _, err := client.OnChange(func(change Change) { heard <- change }); err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []bool{true, false, true} {
		version := service.patch(t, "maintenance_banner", fmt.Sprintf(`{"enabled": %t}`, wanted))
		if err := client.WaitForVersion(ctx, version); err != nil {
			t.Fatal(err)
		}
		found := client.Evaluate(ctx, "maintenance_banner", User("user123"), !wanted)
		equal(t, "after the change", []any{found.Value, found.Origin, found.Version}, []any{wanted, OriginLocal, version})
		change := <-heard
		equal(t, "heard", []any{change.Environment, change.Version, change.Flags}, []any{"production", version, []string{"maintenance_banner"}})
	}
	service.stop()
	equal(t, "without the service", client.IsEnabled(ctx, "maintenance_banner", User("user123"), false), true)
	within(t, "the client knows", func() bool { return client.Stats().Status == StatusStale })
}

func Test_checks_proceed_from_many_goroutines_while_flags_change(t *testing.T) {
	mock, err := NewMock(map[string]any{"f": true, "g": false})
	if err != nil {
		t.Fatal(err)
	}
	defer mock.Close()
	var heard atomic.Int64
	if _, err := mock.OnChange(func(Change) { heard.Add(1) }); err != nil {
		t.Fatal(err)
	}
	flag, set := mock.Flag("f"), mock.Flags("f", "g")
	var all sync.WaitGroup
	for n := range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			who, err := NewContext(fmt.Sprint("u", n), map[string]any{"n": n})
			if err != nil {
				t.Error(err)
			}
			for i := range 500 {
				mock.IsEnabled(background, "f", who, false)
				flag.IsEnabled(background, who, false)
				if len(set.IsEnabled(background, who, false)) != 2 {
					t.Error("a batch is short")
				}
				mock.Evaluate(background, "f", who, false)
				mock.BatchEvaluate(background, []string{"f", "g"}, who, false)
				if i%100 == 0 {
					if err := mock.Set("f", i%200 == 0); err != nil {
						t.Error(err)
					}
					mock.Stats()
				}
			}
		}()
	}
	all.Wait()
	within(t, "the listener heard", func() bool { return heard.Load() >= 40 })
}

func Test_a_listener_may_be_slow_and_may_panic(t *testing.T) {
	mock, err := NewMock(map[string]any{"f": 0})
	if err != nil {
		t.Fatal(err)
	}
	proceed := make(chan struct{})
	var mu sync.Mutex
	var heard []Change
	if _, err := mock.OnChange(func(change Change) {
		<-proceed
		mu.Lock()
		heard = append(heard, change)
		mu.Unlock()
		panic("a bug of the host")
	}); err != nil {
		t.Fatal(err)
	}
	for n := range 1500 {
		if err := mock.Set("f", n); err != nil { // nobody waits for the listener
			t.Fatal(err)
		}
	}
	close(proceed)
	mock.Close()
	within(t, "the last change is heard of", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(heard) > 1 && len(heard) < 1500 && heard[len(heard)-1].Flags == nil
	})
}

func Test_no_goroutine_is_left_behind(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 50 {
		client := local(t)
		for range 4 {
			if _, err := client.OnChange(func(Change) {}); err != nil {
				t.Fatal(err)
			}
		}
		stop, err := client.OnChange(func(Change) {})
		if err != nil {
			t.Fatal(err)
		}
		stop()
		client.Close()
	}
	within(t, "the goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

func Test_memory_of_clients_and_contexts_is_given_back_by_the_collector(t *testing.T) {
	round := func() {
		for range 100 {
			client, err := FromJSON([]byte(document), WithEnvironment("test")) // not closed: nobody remembers
			if err != nil {
				t.Fatal(err)
			}
			for n := range 20 {
				who := contextOf(t, fmt.Sprint(n), map[string]any{"plan": "pro", "text": strings.Repeat("x", 40_000)})
				client.IsEnabled(background, "beta", who, false)
			}
		}
		for range 3 {
			runtime.GC()
			time.Sleep(20 * time.Millisecond) // clean-ups run after the collection
		}
	}
	round()
	before := resident(t)
	for range 5 {
		round()
	}
	// Ten thousand contexts of 40 kB would be 400 MB.
	if grown := resident(t) - before; grown > 150<<20 {
		t.Errorf("%d MB are not given back", grown>>20)
	}
}

func resident(t testing.TB) int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("this system does not say how much memory a process has")
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func Test_guide_flaw_59_a_program_ends_with_its_client_open(t *testing.T) {
	if url := os.Getenv("JACKSTAFF_TEST_CHILD"); url != "" {
		client, err := New(url, "test", WithEvaluation(Remote))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("child:", client.IsEnabled(background, "new_ui", u1, false))
		return
	}
	service := serve(t, guide(map[string]string{"new_ui": `{"enabled":true}`}))
	// The parent has clients and threads of the library's too, and starts the child by a fork.
	client, _ := remote(t, guide(map[string]string{"new_ui": `{"enabled":true}`}))
	equal(t, "before", client.IsEnabled(background, "new_ui", u1, false), true)
	ctx, cancel := context.WithTimeout(background, 60*time.Second)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^Test_guide_flaw_59", "-test.v")
	child.Env = append(os.Environ(), "JACKSTAFF_TEST_CHILD="+service.URL)
	out, err := child.CombinedOutput()
	if err != nil {
		t.Fatal(err, string(out))
	}
	contains(t, string(out), "child: true")
	equal(t, "after", client.IsEnabled(background, "new_ui", User("u2"), false), true)
}
