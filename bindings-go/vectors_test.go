package jackstaff

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

type vectors struct {
	Name        string
	Environment string
	Document    json.RawMessage
	Ruleset     json.RawMessage
	Cases       []struct {
		Says    string
		Flag    string
		Context struct {
			User       *string `json:"user_id"`
			Attributes map[string]any
		}
		Type    string
		Default any
		Expect  map[string]any
	}
}

// The vectors that every language runs.
func TestVectors(t *testing.T) {
	files, err := filepath.Glob("../tests/vectors/*.json")
	if err != nil {
		t.Fatal(err)
	}
	count, failed := 0, 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var all vectors
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(file, err)
		}
		t.Run(all.Name, func(t *testing.T) {
			document := all.Document
			if document == nil {
				document = all.Ruleset
			}
			client, err := FromJSON(document, WithEnvironment(all.Environment))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			for _, one := range all.Cases {
				count++
				who := Context{}
				if one.Context.User != nil {
					who = User(*one.Context.User)
				}
				if who, err = buildContext(who, one.Context.Attributes); err != nil {
					t.Fatal(one.Says, err)
				}
				if !runVector(t, client, who, one.Flag, one.Type, one.Default, one.Expect, one.Says) {
					failed++
				}
			}
		})
	}
	fmt.Printf("vectors: %d of %d passed in Go\n", count-failed, count)
	if count < 150 {
		t.Errorf("only %d vectors", count)
	}
}

func runVector(t *testing.T, client *Client, who Context, flag, kindName string, def any, expect map[string]any, says string) bool {
	t.Helper()
	kinds := map[string]kind{"boolean": kindBoolean, "string": kindString, "integer": kindInteger, "double": kindDouble, "json": kindJSON}
	wanted, known := kinds[kindName]
	if !known && kindName != "" && kindName != "any" {
		t.Errorf("%s: no type %q", says, kindName)
		return false
	}
	ok := true
	check := func(what string, got, want any) {
		if !reflect.DeepEqual(plain(got), plain(want)) {
			t.Errorf("%s: %s is %#v, want %#v", says, what, got, want)
			ok = false
		}
	}
	fallback := noDefault
	if on, isBool := def.(bool); isBool {
		fallback = boolDefault(on)
	}
	found, answered := client.lookClosely(flag, who, wanted, fallback)
	check("answered", answered, true)
	waited, answered := client.one(background, flag, who, wanted, fallback)
	check("answered after a wait", answered, true)
	for _, answer := range []answer{found, waited} {
		value := answer.finish(def)
		got := map[string]any{
			"value": value.Value, "enabled": value.Enabled, "variant": nilIfEmpty(value.Variant), "reason": string(value.Reason),
			"rule": nilIfEmpty(value.Rule), "error": nilIfEmpty(value.ErrorCode),
		}
		want := map[string]any{"rule": nil, "error": nil}
		for name, value := range expect {
			want[name] = value
		}
		for name := range want {
			check(name, got[name], want[name])
		}
	}
	switch wanted {
	case kindBoolean:
		on, _ := def.(bool)
		check("IsEnabled", client.IsEnabled(background, flag, who, on), expect["value"])
		check("BatchEvaluate", client.BatchEvaluate(background, []string{flag}, who, on)[flag], expect["value"])
		check("Flag", client.Flag(flag).IsEnabled(background, who, on), expect["value"])
		check("FlagSet", client.Flags(flag, flag).IsEnabled(background, who, on), []any{expect["value"], expect["value"]})
		check("Evaluate", client.Evaluate(background, flag, who, on).Value, expect["value"])
	case kindString:
		if def, isText := def.(string); isText {
			check("String", client.String(background, flag, who, def), expect["value"])
		}
	case kindInteger:
		if def, isNumber := def.(float64); isNumber {
			check("Int", client.Int(background, flag, who, int64(def)), expect["value"])
		}
	case kindDouble:
		if def, isNumber := def.(float64); isNumber {
			check("Float", client.Float(background, flag, who, def), expect["value"])
		}
	case kindJSON:
		check("Object", Object(background, client, flag, who, def), expect["value"])
	}
	return ok
}

// plain is a value as encoding/json sees it: numbers are numbers.
func plain(value any) any {
	text, _ := json.Marshal(value)
	var plain any
	json.Unmarshal(text, &plain)
	return plain
}

func nilIfEmpty(text string) any {
	if text == "" {
		return nil
	}
	return text
}
