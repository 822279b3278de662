package jackstaff

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"time"
)

// Client answers questions about the flags of one environment. Make one at start and share it: all methods may be called by any number of goroutines.
// The zero Client knows no flags and serves the caller's defaults.
type Client struct {
	handle clientHandle
}

// New makes a client of the config service at url, for the flags of environment. If url is empty the environment variable CONFIG_SERVICE_URL is taken, if environment is,
// ENVIRONMENT. It never blocks and never connects: the first use does, or [Client.Ready].
//
// It is an error of kind [InvalidArgument] if something is missing or wrong.
func New(url, environment string, opts ...Option) (*Client, error) {
	all := collect(opts)
	if url != "" {
		all.values["config_service_url"] = url
	}
	if environment != "" {
		all.values["environment"] = environment
	}
	return open(all)
}

// FromEnv makes a client from the environment variables CONFIG_SERVICE_URL, ENVIRONMENT, JACKSTAFF_API_KEY, JACKSTAFF_EVALUATION and REDIS_URL. Otherwise as [New].
func FromEnv(opts ...Option) (*Client, error) {
	return New("", "", opts...)
}

// FromFile makes a client that lives on a file of flags, which is watched: YAML, JSON or TOML by its ending. See [WithEnvironment] and [WithFormat].
//
// It is an error of kind [IO] if the file cannot be read, and of kind [InvalidDocument] with every mistake if it does not compile. A change that does not
// compile leaves the flags as they were.
func FromFile(path string, opts ...Option) (*Client, error) {
	all := collect(opts)
	text, err := encode(all.values, "options")
	if err != nil {
		return nil, err
	}
	return adopt(openFile(path, all.format, text))
}

// FromMap makes a client that lives on a flag document given as a map; see [WithEnvironment].
//
// A Go map has no order, and the order of a rollout's variants decides who gets which: here it is alphabetical. Use [FromJSON] for a document whose order was chosen.
func FromMap(document map[string]any, opts ...Option) (*Client, error) {
	all := collect(opts)
	all.values["bootstrap"] = document
	return open(all)
}

// FromJSON makes a client that lives on a flag document given as JSON, or on a ruleset as the config service sends it; see [WithEnvironment].
func FromJSON(document []byte, opts ...Option) (*Client, error) {
	all := collect(opts)
	all.values["bootstrap"] = json.RawMessage(document)
	return open(all)
}

func open(all settings) (*Client, error) {
	text, err := encode(all.values, "options")
	if err != nil {
		return nil, err
	}
	return adopt(openClient(text))
}

// adopt makes a client of a handle, which is freed when nobody can reach the client any more.
func adopt(handle clientHandle, err error) (*Client, error) {
	if err != nil {
		return nil, err
	}
	client := &Client{handle: handle}
	runtime.AddCleanup(client, freeClient, handle)
	return client, nil
}

// Close ends the client's background work and its listeners. Checks go on to answer, with the caller's default. It is bounded, may be repeated, and
// always returns nil. A client that nobody can reach is closed by the garbage collector; one with listeners that refer to it is not.
func (c *Client) Close() error {
	c.close()
	return nil
}

// Ready waits until the client answers from the flags of its environment (or knows that the service gives none and evaluates itself). With an error, which is of kind
// [Timeout] when ctx is done and [Closed] when the client is, the client goes on trying.
func (c *Client) Ready(ctx context.Context) error {
	return c.await(ctx, "the client is not ready", c.readyLater)
}

// WaitForVersion waits until the client's flags have this version or a later one: the one that the service's answer to a change names. Otherwise as [Client.Ready].
func (c *Client) WaitForVersion(ctx context.Context, version uint64) error {
	return c.await(ctx, fmt.Sprintf("version %d has not arrived", version), func(limit time.Duration, done chan<- error) error {
		return c.versionLater(version, limit, done)
	})
}

// The longest that the library waits at a stretch: what is still under way there after ctx is done has an end.
const stretch = time.Second

// await repeats a wait of the library until it is over or ctx is done.
func (c *Client) await(ctx context.Context, what string, begin func(time.Duration, chan<- error) error) error {
	if ctx == nil {
		ctx = context.Background()
	}
	for {
		done := make(chan error, 1)
		if err := begin(stretch, done); err != nil {
			return err
		}
		select {
		case err := <-done:
			var failed *Error
			if err == nil || !asTimeout(err, &failed) {
				return err
			}
		case <-ctx.Done():
		}
		if err := ctx.Err(); err != nil {
			message := what + ": " + err.Error()
			if last := c.Stats().LastError; last != "" {
				message += "; " + last
			}
			return &Error{Kind: Timeout, Message: message, Cause: err}
		}
	}
}

func asTimeout(err error, failed **Error) bool {
	e, ok := err.(*Error)
	*failed = e
	return ok && e.Kind == Timeout
}

// Status says how current a client's answers are.
type Status string

// The statuses of [Stats].
const (
	StatusNotReady Status = "not_ready" // no flags have arrived yet
	StatusReady    Status = "ready"     // answers are current, or as current as the mode of evaluation can tell
	StatusStale    Status = "stale"     // there are answers, but the service has not been heard of lately
	StatusClosed   Status = "closed"    // the client was closed
)

// Stats is how a client is and what it has done.
type Stats struct {
	// Environment is whose flags the client answers about.
	Environment string
	// Status is how current the answers are.
	Status Status
	// Checks counts all checks, ByOrigin by where their answers came from.
	Checks   uint64
	ByOrigin map[Origin]uint64
	// Version and Epoch are those of the flags in memory; 0 and empty without.
	Version uint64
	Epoch   string
	// Flags is how many there are in memory.
	Flags int
	// Age is how long ago the service was last heard of; 0 while a stream is up.
	Age time.Duration
	// Changes counts those that were applied, Failures the trips to the service that failed.
	Changes, Failures uint64
	// LastError is the last failure, until a success.
	LastError string
}

// Stats says how the client is and what it has done.
func (c *Client) Stats() Stats {
	var told struct {
		Environment string            `json:"environment"`
		Status      Status            `json:"status"`
		Checks      uint64            `json:"checks"`
		ByOrigin    map[Origin]uint64 `json:"by_origin"`
		Version     uint64            `json:"version"`
		Epoch       string            `json:"epoch"`
		Flags       int               `json:"flags"`
		Age         float64           `json:"age"`
		Changes     uint64            `json:"changes"`
		Failures    uint64            `json:"failures"`
		LastError   string            `json:"last_error"`
	}
	if json.Unmarshal(c.stats(), &told) != nil {
		return Stats{Status: StatusClosed} // the zero client
	}
	return Stats{
		Environment: told.Environment, Status: told.Status, Checks: told.Checks, ByOrigin: told.ByOrigin, Version: told.Version, Epoch: told.Epoch,
		Flags: told.Flags, Age: duration(told.Age), Changes: told.Changes, Failures: told.Failures, LastError: told.LastError,
	}
}

func duration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second))
}
