package jackstaff

import "time"

// Evaluation modes for [WithEvaluation].
const (
	Auto   = "auto"   // in process as soon as the flags are there, by the service until then; the default
	Local  = "local"  // in process only; until the flags are there the caller's default serves
	Remote = "remote" // by the service only; answers are kept in memory
)

// Option configures a client. What is not given comes from the environment variables, then from the defaults.
type Option func(*settings)

// settings are options by their names in the core, which checks them.
type settings struct {
	values map[string]any
	format string
}

func collect(opts []Option) settings {
	all := settings{values: map[string]any{}}
	for _, opt := range opts {
		if opt != nil {
			opt(&all)
		}
	}
	return all
}

// WithOption sets an option of the core by its name, such as "poll_interval": for options that this package has no function for yet.
// Durations are numbers of seconds. An option that does not exist is an error of the function that makes the client.
func WithOption(name string, value any) Option {
	return func(s *settings) { s.values[name] = value }
}

func seconds(name string, d time.Duration) Option {
	return WithOption(name, d.Seconds())
}

// WithEnvironment says whose flags are meant. It has no default for a client of a service, and "development" for [FromFile] and [FromMap]; the environment
// variable ENVIRONMENT comes first.
func WithEnvironment(name string) Option { return WithOption("environment", name) }

// WithAPIKey sends the key as Authorization: Bearer. Environment variable JACKSTAFF_API_KEY; default none.
func WithAPIKey(key string) Option { return WithOption("api_key", key) }

// WithEvaluation says where checks are evaluated: [Auto], [Local] or [Remote]. Environment variable JACKSTAFF_EVALUATION; default Auto.
func WithEvaluation(mode string) Option { return WithOption("evaluation", mode) }

// WithCacheTTL says how long an answer of the service is good in the shared cache; default 300 s. The shorter of it and [WithLocalTTL]
// counts in memory; 0 keeps no answers.
func WithCacheTTL(d time.Duration) Option { return seconds("cache_ttl", d) }

// WithLocalTTL says how long an answer of the service is good in this process's memory, counted from its evaluation; default 60 s.
func WithLocalTTL(d time.Duration) Option { return seconds("local_ttl", d) }

// WithCacheEntries says how many answers of the service are kept in memory; default 100 000, of about 150 bytes each.
func WithCacheEntries(n int) Option { return WithOption("cache_entries", n) }

// WithTimeout says how long a check, a load or a connect may take in all; default 5 s.
func WithTimeout(d time.Duration) Option { return seconds("timeout", d) }

// WithPollInterval says how often the service is asked for changes while there is no stream, and a file looked at; default 60 s.
func WithPollInterval(d time.Duration) Option { return seconds("poll_interval", d) }

// WithStream says whether changes are followed by a stream; default true. False polls.
func WithStream(on bool) Option { return WithOption("stream", on) }

// WithMaxStale says beyond which age the caller's default serves instead of the last known answer, when the service fails; default none.
func WithMaxStale(d time.Duration) Option { return seconds("max_stale", d) }

// WithBootstrap gives flags to begin with: a flag document as a map, as a json.RawMessage, or as anything that encodes to one.
func WithBootstrap(document any) Option { return WithOption("bootstrap", document) }

// WithSnapshotPath names a file that keeps the last good flags, for a start while the service is away; default none.
func WithSnapshotPath(path string) Option { return WithOption("snapshot_path", path) }

// WithRedisURL names the shared cache, as in redis://cache:6379/0. Environment variable REDIS_URL; default none.
func WithRedisURL(url string) Option { return WithOption("redis_url", url) }

// WithFormat says which format the flags of [FromFile] are in: "native", the default, or another that the core knows, such as "ufc".
func WithFormat(name string) Option {
	return func(s *settings) { s.format = name }
}
