// Answers questions about flags on standard input, one JSON object a line: what the demo and the end-to-end tests ask every
// language. See examples/rust/src/probe.rs.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	jackstaff "github.com/jackstaff/jackstaff/bindings-go"
)

type question struct {
	Do         string         `json:"do"`
	Options    map[string]any `json:"options"`
	Flag       string         `json:"flag"`
	Flags      []string       `json:"flags"`
	User       *string        `json:"user_id"`
	Attributes map[string]any `json:"attributes"`
	Type       string         `json:"type"`
	Default    any            `json:"default"`
	Until      bool           `json:"until"`
}

func main() {
	var client *jackstaff.Client
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var q question
		answer := map[string]any{}
		err := json.Unmarshal(lines.Bytes(), &q)
		if err == nil {
			answer, err = reply(&client, q)
		}
		if err != nil {
			answer = map[string]any{"error": err.Error()}
		}
		text, _ := json.Marshal(answer)
		fmt.Println(string(text))
	}
}

func reply(slot **jackstaff.Client, q question) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if q.Do == "open" {
		var opts []jackstaff.Option
		for name, value := range q.Options {
			opts = append(opts, jackstaff.WithOption(name, value))
		}
		client, err := jackstaff.New("", "", opts...)
		if err != nil {
			return nil, err
		}
		*slot = client
		return map[string]any{"ready": client.Ready(ctx) == nil}, nil
	}
	client := *slot
	if client == nil {
		return nil, errors.New("open a client first")
	}
	who, err := whoAsks(q)
	if err != nil {
		return nil, err
	}
	switch q.Do {
	case "evaluate":
		return evaluate(ctx, client, who, q), nil
	case "batch":
		answer := map[string]any{}
		for flag, on := range client.BatchEvaluate(ctx, q.Flags, who, false) {
			answer[flag] = on
		}
		return answer, nil
	case "watch":
		for client.IsEnabled(ctx, q.Flag, who, !q.Until) != q.Until {
			if ctx.Err() != nil {
				return nil, errors.New("the change did not arrive")
			}
			time.Sleep(200 * time.Microsecond)
		}
		at := float64(time.Now().UnixNano()) / 1e6
		return map[string]any{"at": at, "version": client.Stats().Version}, nil
	default:
		return nil, fmt.Errorf("cannot do %q", q.Do)
	}
}

func whoAsks(q question) (jackstaff.Context, error) {
	if q.User == nil {
		return jackstaff.Anonymous(q.Attributes)
	}
	return jackstaff.NewContext(*q.User, q.Attributes)
}

func evaluate(ctx context.Context, client *jackstaff.Client, who jackstaff.Context, q question) map[string]any {
	number, _ := q.Default.(float64)
	def := q.Default
	// What the question is asked with is what is timed: IsEnabled for a boolean flag, the typed getter for others.
	var call func()
	switch q.Type {
	case "boolean":
		on, _ := def.(bool)
		call = func() { client.IsEnabled(ctx, q.Flag, who, on) }
	case "string":
		text, _ := def.(string)
		call = func() { client.String(ctx, q.Flag, who, text) }
	case "integer":
		def = int64(number)
		call = func() { client.Int(ctx, q.Flag, who, int64(number)) }
	case "double":
		def = number
		call = func() { client.Float(ctx, q.Flag, who, number) }
	default:
		def = map[string]any(nil) // asks for JSON
		call = func() { jackstaff.Object[any](ctx, client, q.Flag, who, nil) }
	}
	found := client.Evaluate(ctx, q.Flag, who, def)
	var variant any
	if found.Variant != "" {
		variant = found.Variant
	}
	return map[string]any{
		"value": found.Value, "enabled": found.Enabled, "variant": variant, "reason": found.Reason, "origin": found.Origin,
		"version": found.Version, "ns": nanoseconds(call),
	}
}

// nanoseconds a call, the best of five rounds.
func nanoseconds(call func()) float64 {
	const calls = 20_000
	best := time.Duration(1<<63 - 1)
	for range 5 {
		begun := time.Now()
		for range calls {
			call()
		}
		best = min(best, time.Since(begun))
	}
	return float64(best.Nanoseconds()) / calls
}
