package jackstaff

import (
	"encoding/json"
	"runtime"
)

// Context says who is asking: a targeting key, usually a user's id, and attributes. It is a value: copy it as you like, share it between
// goroutines, use it with any client. The zero Context is nobody: rules on attributes and percentages of users do not match it.
type Context struct {
	key    string
	hasKey bool
	built  *builtContext
}

// User is a context of an id and nothing else. It costs nothing to make.
func User(id string) Context {
	return Context{key: id, hasKey: true}
}

// NewContext is a context of an id with attributes, which are what encoding/json makes of them. Make it once per request and use it
// for all its checks: they then cost no more than with an id alone.
//
// It is an error of kind [InvalidArgument] if an attribute is nothing that JSON can hold, or is too large: 256 attributes, nested 8 deep, texts of 64 KiB.
func NewContext(id string, attributes map[string]any) (Context, error) {
	return buildContext(User(id), attributes)
}

// Anonymous is a context of attributes without an id. Otherwise as [NewContext].
func Anonymous(attributes map[string]any) (Context, error) {
	return buildContext(Context{}, attributes)
}

// ID is the id, and whether there is one.
func (c Context) ID() (string, bool) {
	return c.key, c.hasKey
}

func buildContext(c Context, attributes map[string]any) (Context, error) {
	if len(attributes) == 0 {
		return c, nil
	}
	text, err := encode(attributes, "attributes")
	if err != nil {
		return Context{}, err
	}
	built, err := newBuiltContext(c, text)
	if err != nil {
		return Context{}, err
	}
	c.built = built
	runtime.AddCleanup(built, freeContext, built.handle)
	return c, nil
}

// encode is value as JSON; what says in an error what it is.
func encode(value any, what string) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, &Error{Kind: InvalidArgument, Message: what + ": " + err.Error(), Cause: err}
	}
	return text, nil
}
