package jackstaff

import (
	"encoding/json"
	"maps"
	"sync"
)

// Mock is a client for tests: the real one over flags that the test writes, with a record of what was asked. Hand its Client to the code under test.
type Mock struct {
	*Client
	mu    sync.Mutex
	flags map[string]any
}

// Check is a check that a mock was asked.
type Check struct {
	// Flag is the flag, User the id of who asked, empty for nobody, and Enabled the answer.
	Flag    string `json:"flag"`
	User    string `json:"user"`
	Enabled bool   `json:"enabled"`
}

// NewMock makes a client that answers from flags: {"new_ui": true, "limit": 20, "theme": {"value": "light", "users": {"u1": "dark"}}}. A value is a boolean, text, a number
// or any JSON; a map with "value" or "users" gives single users their own; a map with any key of the flag document ("rules", "variants", …) is such a flag. Other flags do not exist:
// the caller's default serves.
func NewMock(flags map[string]any) (*Mock, error) {
	if flags == nil {
		flags = map[string]any{}
	}
	text, err := encode(flags, "flags")
	if err != nil {
		return nil, err
	}
	client, err := adopt(openMock(text))
	if err != nil {
		return nil, err
	}
	return &Mock{Client: client, flags: maps.Clone(flags)}, nil
}

// Set gives a flag a value, for everybody. The flags stay as they were if it fails.
func (m *Mock) Set(flag string, value any) error {
	return m.change(flag, func(any) any { return value })
}

// SetFor gives a flag a value for one user; others keep theirs. The flags stay as they were if it fails.
func (m *Mock) SetFor(user, flag string, value any) error {
	return m.change(flag, func(before any) any {
		split, ok := before.(map[string]any)
		_, hasValue := split["value"]
		users, hasUsers := split["users"].(map[string]any)
		after := map[string]any{}
		if ok && (hasValue || hasUsers) {
			maps.Copy(after, split)
		} else if before != nil {
			after["value"] = before
		}
		own := map[string]any{user: value}
		for other, theirs := range users {
			if other != user {
				own[other] = theirs
			}
		}
		after["users"] = own
		return after
	})
}

func (m *Mock) change(flag string, how func(any) any) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	flags := maps.Clone(m.flags)
	flags[flag] = how(flags[flag])
	text, err := encode(flags, "flags")
	if err != nil {
		return err
	}
	if err := m.setMock(text); err != nil {
		return err
	}
	m.flags = flags
	return nil
}

// Checks is what the mock was asked so far, oldest first; the last 10 000.
func (m *Mock) Checks() []Check {
	var checks []Check
	if json.Unmarshal(m.mockChecks(), &checks) != nil {
		return nil
	}
	return checks
}
