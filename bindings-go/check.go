package jackstaff

import (
	"context"
	"encoding/json"
)

// IsEnabled says whether a flag is on for who: a boolean flag's value. The default serves where nobody can say; a disabled flag is off even when the default is true.
//
// ctx is looked at only while the answer has to be waited for: a check that memory can answer does not mind whether ctx is done.
func (c *Client) IsEnabled(ctx context.Context, flag string, who Context, def bool) bool {
	if enabled, known := c.look(flag, who, def); known {
		return enabled
	}
	return c.boolLater(ctx, flag, who, def)
}

func (c *Client) boolLater(ctx context.Context, flag string, who Context, def bool) bool {
	found, ok := c.one(ctx, flag, who, kindBoolean, boolDefault(def))
	if !ok || found.value.kind != kindBoolean {
		return def
	}
	return found.value.boolean
}

// Bool is the value of a boolean flag: [Client.IsEnabled] by the name of the other getters.
func (c *Client) Bool(ctx context.Context, flag string, who Context, def bool) bool {
	return c.IsEnabled(ctx, flag, who, def)
}

// String is the value of a string flag; def where nobody can say or the flag holds another type.
func (c *Client) String(ctx context.Context, flag string, who Context, def string) string {
	if found := c.valueOf(ctx, flag, who, kindString); found.kind == kindString {
		return found.text
	}
	return def
}

// Int is the value of an integer flag, or of a double flag that is a whole number; def where nobody can say or the flag holds another type.
func (c *Client) Int(ctx context.Context, flag string, who Context, def int64) int64 {
	if found := c.valueOf(ctx, flag, who, kindInteger); found.kind == kindInteger {
		return found.integer
	}
	return def
}

// Float is the value of a double flag, or of an integer flag that a double holds without loss; def where nobody can say or the flag holds another type.
func (c *Client) Float(ctx context.Context, flag string, who Context, def float64) float64 {
	if found := c.valueOf(ctx, flag, who, kindDouble); found.kind == kindDouble {
		return found.number
	}
	return def
}

// Object is the value of a JSON flag, decoded by encoding/json into a T; def where nobody can say or the value does not fit a T.
//
// It is a function because a method cannot have a type of its own.
func Object[T any](ctx context.Context, c *Client, flag string, who Context, def T) T {
	found := c.valueOf(ctx, flag, who, kindJSON)
	if found.kind != kindJSON {
		return def
	}
	var decoded T
	if json.Unmarshal([]byte(found.text), &decoded) != nil {
		return def
	}
	return decoded
}

// Evaluate is the answer with all that is known about it. The type of def is the type that is asked for: a bool, a string, a whole number, a float, nil for any, and
// everything else for JSON.
func (c *Client) Evaluate(ctx context.Context, flag string, who Context, def any) Evaluation {
	wanted, fallback := kindOf(def), noDefault
	if value, ok := def.(bool); ok {
		fallback = boolDefault(value)
	}
	found, known := c.lookClosely(flag, who, wanted, fallback)
	if !known {
		if found, known = c.one(ctx, flag, who, wanted, fallback); !known {
			enabled, _ := def.(bool)
			found.Evaluation = Evaluation{Reason: NotReady, Origin: OriginDefault, Enabled: enabled}
		}
	}
	found.Flag = flag
	return found.finish(def)
}

// BatchEvaluate says of several flags whether they are on, with one trip to the service at most: one entry for each name, always.
func (c *Client) BatchEvaluate(ctx context.Context, flags []string, who Context, def bool) map[string]bool {
	answers := make(map[string]bool, len(flags))
	for _, flag := range flags {
		enabled, known := c.look(flag, who, def)
		if !known {
			return c.batchLater(ctx, flags, who, def)
		}
		answers[flag] = enabled
	}
	return answers
}

func (c *Client) batchLater(ctx context.Context, flags []string, who Context, def bool) map[string]bool {
	answers := make(map[string]bool, len(flags))
	names := make([]string, 0, len(flags))
	for _, flag := range flags {
		if _, repeated := answers[flag]; !repeated {
			answers[flag] = def
			names = append(names, flag)
		}
	}
	for i, found := range c.several(ctx, names, who, kindBoolean, boolDefault(def)) {
		if found.value.kind == kindBoolean {
			answers[names[i]] = found.value.boolean
		}
	}
	return answers
}

// valueOf is the value of a flag, of kindAny if the caller's default serves.
func (c *Client) valueOf(ctx context.Context, flag string, who Context, wanted kind) value {
	if found, known := c.lookValue(flag, who, wanted); known {
		return found
	}
	found, _ := c.one(ctx, flag, who, wanted, noDefault)
	return found.value
}

// one is the answer about one flag, waited for; false if ctx was done first.
func (c *Client) one(ctx context.Context, flag string, who Context, wanted kind, def int32) (answer, bool) {
	if found := c.several(ctx, []string{flag}, who, wanted, def); len(found) == 1 {
		return found[0], true
	}
	return answer{}, false
}

// several is the answers about flags, in their order, waited for; none if ctx was done first.
func (c *Client) several(ctx context.Context, flags []string, who Context, wanted kind, def int32) []answer {
	if ctx == nil {
		ctx = context.Background()
	}
	found := make(chan []answer, 1)
	if ctx.Err() != nil || !c.answerLater(flags, who, wanted, def, found) {
		return nil
	}
	select {
	case answers := <-found:
		return answers
	case <-ctx.Done():
		return nil
	}
}

// Defaults as they cross.
const noDefault int32 = -1

func boolDefault(def bool) int32 {
	if def {
		return 1
	}
	return 0
}
