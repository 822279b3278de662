package jackstaff

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// Change is what listeners hear of: an environment went from one version to a later one.
type Change struct {
	// Environment is the environment that changed.
	Environment string
	// Epoch is the life of the store that the versions belong to. Another epoch means: start over.
	Epoch string
	// Version is the version that the environment has now.
	Version uint64
	// Flags are those whose answers can have changed; empty means any of them.
	Flags []string
}

// OnChange calls listener after each change, in a goroutine of its own, one change after the other. It starts the client. Call stop to hear no more; [Client.Close] does so
// too. A client has at most 1 000 listeners: one more is an error of kind [InvalidArgument].
//
// A listener that is slow holds up nobody else. If it falls 1 000 changes behind, it hears of them as one that may have changed any flag. One that panics is logged
// and hears of the next change.
func (c *Client) OnChange(listener func(Change)) (stop func(), err error) {
	if listener == nil {
		return nil, &Error{Kind: InvalidArgument, Message: "the listener is nil"}
	}
	mail := &mailbox{wake: make(chan struct{}, 1)}
	id, err := c.listen(mail)
	if err != nil {
		return nil, err
	}
	go mail.deliver(listener)
	var once sync.Once
	return func() { once.Do(func() { c.unlisten(id) }) }, nil
}

// The most changes that wait for a listener.
const maxMail = 1000

// mailbox holds changes between the library's thread, which must not block, and the listener, which may.
type mailbox struct {
	mu      sync.Mutex
	changes []Change
	closed  bool
	wake    chan struct{}
}

func (m *mailbox) put(change Change) {
	m.mu.Lock()
	if len(m.changes) >= maxMail {
		change.Flags = nil // any of them
		m.changes = m.changes[:0]
	}
	m.changes = append(m.changes, change)
	m.mu.Unlock()
	m.ring()
}

// close ends the delivery, after what is in the box.
func (m *mailbox) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.ring()
}

func (m *mailbox) ring() {
	select {
	case m.wake <- struct{}{}:
	default: // it rings already
	}
}

func (m *mailbox) deliver(listener func(Change)) {
	for range m.wake {
		m.mu.Lock()
		changes, closed := m.changes, m.closed
		m.changes = nil
		m.mu.Unlock()
		for _, change := range changes {
			tell(listener, change)
		}
		if closed {
			return
		}
	}
}

// tell keeps a listener's panic to itself: it is a bug of the host, and must not end the host.
func tell(listener func(Change), change Change) {
	defer func() {
		if panicked := recover(); panicked != nil {
			logger().Error("a change listener panicked", "version", change.Version, "panic", fmt.Sprint(panicked), "stack", string(debug.Stack()))
		}
	}()
	listener(change)
}
