package jackstaff

import (
	"os"
	"runtime"
	"testing"
)

// The figures of this package alone, on the flags that every language is measured with; ../benches/go has the rivals.
func benchClient(b *testing.B) *Client {
	text, err := os.ReadFile("../benches/flags.json")
	if err != nil {
		b.Fatal(err)
	}
	client, err := FromJSON(text, WithEnvironment("development"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { client.Close() })
	return client
}

func BenchmarkIsEnabled(b *testing.B) {
	client := benchClient(b)
	for _, flag := range []string{"on", "targets", "half"} {
		b.Run(flag, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				client.IsEnabled(background, flag, User("user-500"), false)
			}
		})
	}
}

func BenchmarkEmptyCall(b *testing.B) {
	for b.Loop() {
		checkABI()
	}
}

func BenchmarkHandle(b *testing.B) {
	flag := benchClient(b).Flag("half")
	b.ReportAllocs()
	for b.Loop() {
		flag.IsEnabled(background, User("user-500"), false)
	}
}

func BenchmarkContext(b *testing.B) {
	client := benchClient(b)
	who, err := NewContext("user-500", map[string]any{"country": "DE", "plan": "pro", "version": "2.4.1"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		client.IsEnabled(background, "rules", who, false)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	client := benchClient(b)
	b.ReportAllocs()
	for b.Loop() {
		client.Evaluate(background, "half", User("user-500"), false)
	}
}

func BenchmarkParallel(b *testing.B) {
	client := benchClient(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			client.IsEnabled(background, "half", User("user-500"), false)
		}
	})
}

// What a client with seven flags takes, over a thousand of them.
func BenchmarkMemory(b *testing.B) {
	const count = 1000
	clients := make([]*Client, count)
	for b.Loop() {
		before := resident(b)
		for i := range clients {
			client, err := FromJSON([]byte(document), WithEnvironment("test"))
			if err != nil {
				b.Fatal(err)
			}
			client.IsEnabled(background, "new_ui", u1, false)
			clients[i] = client
		}
		b.ReportMetric(float64(resident(b)-before)/count, "B/client")
	}
	runtime.KeepAlive(clients)
}
