package jackstaff

import (
	"maps"
	"time"
)

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

// WithSoftTTL says from which age on an answer is refreshed in the background while it is still served; default four fifths of the cache's time.
func WithSoftTTL(d time.Duration) Option { return seconds("soft_ttl", d) }

// WithCacheBytes says how many bytes the answers in memory may take, about; default 64 MiB.
func WithCacheBytes(n int64) Option { return WithOption("cache_bytes", n) }

// Retry says how questions to the service are repeated when they fail, always within [WithTimeout]. What is zero is the default.
type Retry struct {
	// Attempts is how often a question is asked in all, 1 to 10; default 3. 1 repeats nothing.
	Attempts int
	// Min and Max bound the waits between attempts, of which a random part is taken.
	Min, Max time.Duration
	// Budget is the share of all questions that may be repetitions, 0 to 1; default a tenth.
	Budget float64
}

// WithRetry says how questions to the service are repeated. WithOption("retry", false) repeats none.
func WithRetry(r Retry) Option {
	return WithOption("retry", given(map[string]float64{"attempts": float64(r.Attempts), "min": r.Min.Seconds(), "max": r.Max.Seconds(), "budget": r.Budget}))
}

// Breaker says when the service, or Redis, is left alone for a while. What is zero is the default.
type Breaker struct {
	// Failures is how many in a row open it; default 5.
	Failures int
	// Reset is how long it stays open; default 60 s.
	Reset time.Duration
}

// WithBreaker says when the service, or Redis, is left alone for a while. WithOption("breaker", false): never.
func WithBreaker(b Breaker) Option {
	return WithOption("breaker", given(map[string]float64{"failures": float64(b.Failures), "reset": b.Reset.Seconds()}))
}

// given is the numbers that are not zero.
func given(numbers map[string]float64) map[string]float64 {
	maps.DeleteFunc(numbers, func(_ string, number float64) bool { return number == 0 })
	return numbers
}

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

// WithRedisTimeout says how long a read from Redis may take before the service is asked instead; default 50 ms.
func WithRedisTimeout(d time.Duration) Option { return seconds("redis_timeout", d) }

// WithRedisSecret signs what is written to Redis, and lets only what was signed with it count; default none. Environment variable JACKSTAFF_REDIS_SECRET.
func WithRedisSecret(secret string) Option { return WithOption("redis_secret", secret) }

// WithServiceCA names a file of certificates (PEM) to trust for a service at https://, or is their text; default the system's.
func WithServiceCA(ca string) Option { return WithOption("service_ca", ca) }

// WithRedisCA names a file of certificates (PEM) to trust for rediss://, instead of the system's; default none.
func WithRedisCA(path string) Option { return WithOption("redis_ca", path) }

// WithRedisUpdates makes the client hear of changes over the Redis of [WithRedisURL] too.
func WithRedisUpdates() Option { return WithOption("redis_updates", true) }

// WithKafka makes the client hear of changes over Kafka too. The settings are the brokers as a string, or a map with "brokers", "topic",
// "security" ("plaintext", "tls"), "ca_file", "cert_file", "key_file", "sasl" ("plain", "scram-sha-256", "scram-sha-512", "oauthbearer"), "username",
// "password", "token" and "token_file".
func WithKafka(settings any) Option { return WithOption("kafka", settings) }

// WithFormat says which format the flags of [FromFile] are in: "native", the default, or another that the core knows, such as "ufc".
func WithFormat(name string) Option {
	return func(s *settings) { s.format = name }
}
