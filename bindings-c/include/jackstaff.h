// Jackstaff: feature flags, evaluated in process. The C face of the Rust core; what other languages build on.
//
// Written by `JACKSTAFF_WRITE_HEADER=1 cargo test -p jackstaff-c --test header`: do not edit.
//
// Texts are a pointer and a length, in UTF-8, without a zero at the end; jackstaff_text_of makes one of a C string. Memory that you pass
// has to last for the call only, and nobody may write to it meanwhile. What a function returns to be freed has its own …_free; freeing null
// is fine. A check (jackstaff_look…, jackstaff_is_enabled, jackstaff_evaluate) never fails: the caller's default serves. Callbacks come from threads of the
// library. Every function may be called from any thread, except that nothing may be freed while it is in use.


#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// The number of this interface: a change that an older caller would not survive makes it larger.
#define JACKSTAFF_ABI 1

// The flag is off.
#define JACKSTAFF_OFF 0

// The flag is on.
#define JACKSTAFF_ON 1

// Nobody in this process knows: `jackstaff_is_enabled` or `jackstaff_answer_later` find out.
#define JACKSTAFF_PENDING 2

// The most flags of one batch.
#define JACKSTAFF_MAX_BATCH 65536

// Any type will do.
#define JACKSTAFF_ANY 0

// `true` or `false`.
#define JACKSTAFF_BOOLEAN 1

// Text.
#define JACKSTAFF_STRING 2

// A whole number that fits 64 bits.
#define JACKSTAFF_INTEGER 3

// A number.
#define JACKSTAFF_DOUBLE 4

// Any JSON. As the kind of a value: a list, an object or null, as JSON text.
#define JACKSTAFF_JSON 5

// The `start` of a text that is not there.
#define JACKSTAFF_ABSENT UINT32_MAX

// No flag: there are too many names, or this is none. A check by it is the caller's default.
#define JACKSTAFF_NO_FLAG UINT32_MAX

// Log nothing.
#define JACKSTAFF_LOG_OFF 0

// Mistakes in this library or its host.
#define JACKSTAFF_LOG_ERROR 1

// Outages, once each; flags that are asked for and are not there, once each.
#define JACKSTAFF_LOG_WARN 2

// And when an outage is over.
#define JACKSTAFF_LOG_INFO 3

// Steps, for who looks for a mistake.
#define JACKSTAFF_LOG_DEBUG 4

// What went wrong, as far as a program can act on it. In every language the word for it is the name in lower case.
enum jackstaff_code
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Nothing.
  JACKSTAFF_CODE_OK = 0,
  // An argument or option is not usable; the message names the value and what would be right.
  JACKSTAFF_CODE_INVALID_ARGUMENT = 1,
  // A flag document does not compile; the message lists every mistake with its place.
  JACKSTAFF_CODE_INVALID_DOCUMENT = 2,
  // The thing asked for does not exist.
  JACKSTAFF_CODE_NOT_FOUND = 3,
  // The credentials are missing, wrong, or not good for this environment.
  JACKSTAFF_CODE_UNAUTHORIZED = 4,
  // The other side could not be reached, or said that it cannot answer now.
  JACKSTAFF_CODE_UNAVAILABLE = 5,
  // The other side answered something that is not in the contract.
  JACKSTAFF_CODE_INVALID_RESPONSE = 6,
  // The deadline passed first.
  JACKSTAFF_CODE_TIMEOUT = 7,
  // The client was closed.
  JACKSTAFF_CODE_CLOSED = 8,
  // A file could not be read or written.
  JACKSTAFF_CODE_IO = 9,
  // A mistake in this library.
  JACKSTAFF_CODE_INTERNAL = 10,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum jackstaff_code jackstaff_code;
#else
typedef int32_t jackstaff_code;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// A client. Opaque; made by `jackstaff_open…`, freed by `jackstaff_client_free`. Any number of threads may use one at a time.
typedef struct jackstaff_client jackstaff_client;

// A user with attributes, built once and used for any number of checks, by any client and any thread. Opaque.
typedef struct jackstaff_context jackstaff_context;

// Memory of the library. Opaque.
typedef struct jackstaff_held jackstaff_held;

// A text: `len` bytes of UTF-8 at `data`, without a zero at the end. `data` may be null; where that means something other than the
// empty text, the function says so. The bytes need to last only for the call.
typedef struct {
  const uint8_t *data;
  size_t len;
} jackstaff_text;

// Numbers of the caller's: `len` of them at `data`.
typedef struct {
  const uint32_t *data;
  size_t len;
} jackstaff_numbers;

// Memory of the caller that bytes are written to: `len` bytes at `data`.
typedef struct {
  uint8_t *data;
  size_t len;
} jackstaff_bytes;

// A text inside an evaluation's texts: `len` bytes from `start` on. Not there if `start` is `JACKSTAFF_ABSENT`.
typedef struct {
  uint32_t start;
  uint32_t len;
} jackstaff_span;

// The answer to a check. `texts` is where its texts are, unless it is null: then they are in the caller's buffer.
typedef struct {
  // What the value is: `JACKSTAFF_BOOLEAN`, …, `JACKSTAFF_JSON`; `JACKSTAFF_ANY` if it is the caller's default, of which nothing is written.
  uint32_t kind;
  // Why, in the order of `jackstaff_reason`.
  uint32_t reason;
  // From where, in the order of `jackstaff_origin`.
  uint32_t origin;
  // For a boolean flag the value itself; for others: on, and not its off variant.
  bool enabled;
  // The value of a boolean.
  bool boolean;
  // The value of an integer.
  int64_t integer;
  // The value of a double; and of an integer, where a double holds it without loss.
  double number;
  // The value of a string, or of JSON as JSON text.
  jackstaff_span text;
  // The name of the variant that was served.
  jackstaff_span variant;
  // The name of the rule that decided.
  jackstaff_span rule;
  // What was wrong, where something was: `malformed_flag`, `cycle`, `targeting_key_missing`, …
  jackstaff_span error;
  // The life of the store that `version` belongs to.
  jackstaff_span epoch;
  // The version of the last change that could have altered this answer; 0 if the source has none.
  uint64_t version;
  // How long ago the answer was evaluated or, for a local one, known to be current; seconds.
  double age;
  // The texts, if they are in memory of the library.
  jackstaff_text texts;
  jackstaff_held *owner;
} jackstaff_evaluation;

// A text of the library's: it stays until `jackstaff_string_free`.
typedef struct {
  jackstaff_text text;
  jackstaff_held *owner;
} jackstaff_string;

// An error: its code, and a sentence for people that `jackstaff_error_free` gives back.
typedef struct {
  jackstaff_code code;
  jackstaff_string message;
} jackstaff_error;

// What the caller wants to have back in its callbacks; never looked at.
typedef void *jackstaff_data;

// Is called with the answers, one for each flag and in their order, and with all their texts. Both are there only for the call: copy what you keep. No
// answers at all mean that something went wrong in this library.
typedef void (*jackstaff_answered)(jackstaff_data data,
                                   const jackstaff_evaluation *evaluations,
                                   size_t count,
                                   jackstaff_text texts);

// Is called when the wait is over. The message is there only for the call.
typedef void (*jackstaff_done)(jackstaff_data data, jackstaff_code code, jackstaff_text message);

// What changed. It and its texts are there only for the call.
typedef struct {
  // The environment that changed.
  jackstaff_text environment;
  // The life of the store that the versions belong to. Another epoch means: start over.
  jackstaff_text epoch;
  // The version that the environment has now.
  uint64_t version;
  // The version before it, if `has_previous`.
  uint64_t previous;
  bool has_previous;
  // The flags whose answers can have changed: `flag_count` of them; 0 means any of them.
  const jackstaff_text *flags;
  size_t flag_count;
} jackstaff_change;

// Is called after a change, by a thread of the library: it must not block. Looking at flags is fine there; asking and waiting is not.
typedef void (*jackstaff_on_change)(jackstaff_data data, const jackstaff_change *change);

// Is called once, when a listener will not be called again. It must not call into the client that it comes from.
typedef void (*jackstaff_release)(jackstaff_data data);

// Is called with a line: its level, what happened, and the details as a JSON object. No line holds a user id. Texts are there only for the call.
typedef void (*jackstaff_logged)(jackstaff_data data, uint32_t level, jackstaff_text message, jackstaff_text fields);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The number of the interface that this library was built with: compare it with `JACKSTAFF_ABI` of the header you compiled with.
uint32_t jackstaff_abi(void);

// Is the flag on? `JACKSTAFF_ON`, `JACKSTAFF_OFF`, or `JACKSTAFF_PENDING`. The default serves where nobody can say; a disabled flag is off even when the default is
// true. `context`, if not null, says who is asking, and `user` is not looked at; the null text is nobody.
uint32_t jackstaff_look(const jackstaff_client *client,
                        jackstaff_text flag,
                        jackstaff_text user,
                        const jackstaff_context *context,
                        bool default_value);

// As `jackstaff_look`, with the index of a flag.
uint32_t jackstaff_look_at(const jackstaff_client *client,
                           uint32_t flag,
                           jackstaff_text user,
                           const jackstaff_context *context,
                           bool default_value);

// As `jackstaff_look_at` for several flags: writes a 0 or a 1 for each to `out`, as many as there is room for. False if only a wait could tell; what
// was written then means nothing.
bool jackstaff_look_at_many(const jackstaff_client *client,
                            jackstaff_numbers flags,
                            jackstaff_text user,
                            const jackstaff_context *context,
                            bool default_value,
                            jackstaff_bytes out);

// The answer with all that is known about it. `wanted_type` is one of `JACKSTAFF_ANY`, …, `JACKSTAFF_JSON`: a flag of another type is the default. `default_value` is 1 or 0
// where the default is a boolean and anything else where it is not: the default itself stays with the caller, and `kind` says when it serves.
//
// Texts go to `buffer` where they fit, else to memory of the library; free the evaluation with `jackstaff_evaluation_free` in either case (after
// an answer in the buffer that does nothing and may be left out; `texts` is then null). False if only a wait could tell; `out` is then not written.
bool jackstaff_look_closely(const jackstaff_client *client,
                            jackstaff_text flag,
                            jackstaff_text user,
                            const jackstaff_context *context,
                            uint32_t wanted_type,
                            int32_t default_value,
                            jackstaff_bytes buffer,
                            jackstaff_evaluation *out);

// Makes a client from its options: a JSON object such as `{"config_service_url": "http://…", "environment": "production"}`. The names
// are those of every language (README), durations are seconds, and what is not given comes from the environment variables and the defaults. `bootstrap`
// is a flag document to live on, or to begin with. Never blocks and never connects: the first use does. The null text means no options.
//
// Null if it fails; the error then says why. The caller frees the client.
jackstaff_client *jackstaff_open(jackstaff_text options,
                                 jackstaff_error *error);

// Makes a client that lives on a file, which is watched: YAML, JSON or TOML by its ending. `format` is the flag format, `native` if empty.
// Otherwise as `jackstaff_open`.
jackstaff_client *jackstaff_open_file(jackstaff_text path,
                                      jackstaff_text format,
                                      jackstaff_text options,
                                      jackstaff_error *error);

// Makes a client for tests, which answers from these flags: a JSON object such as `{"new_ui": true, "theme": {"value": "light", "users": {"u1":
// "dark"}}}`. It is the real client over a document that the test writes, with a record of what was asked.
//
// Null if it fails; the error then says why. The caller frees the client.
jackstaff_client *jackstaff_open_mock(jackstaff_text flags,
                                      jackstaff_error *error);

// Replaces the flags of a mock. The flags stay as they were if it fails.
jackstaff_code jackstaff_mock_set(const jackstaff_client *client, jackstaff_text flags, jackstaff_error *error);

// The checks that a mock was asked, oldest first, at most 10 000: a JSON list of `{"flag", "user", "enabled"}`. The caller frees the text.
jackstaff_string jackstaff_mock_checks(const jackstaff_client *client);

// Puts in place what the options brought and begins to follow the service, if that has not begun: the first use that has to wait does
// it by itself.
void jackstaff_start(const jackstaff_client *client);

// Ends the background work. Checks go on to answer: with the caller's default. Bounded, and harmless when repeated. Listeners are released
// before it returns, but for one that is being called.
void jackstaff_close(const jackstaff_client *client);

// Frees a client, and closes it if nobody has. No other call with it may be under way or come later. Null is fine.
void jackstaff_client_free(jackstaff_client *client);

// In a forked child: forgets the parent's connections and starts anew where the parent had started. The flags are the parent's and answer at
// once. Call it once for each client, before anything else in the child uses it.
void jackstaff_after_fork(const jackstaff_client *client);

// How the client is and what it has done: a JSON object with `status` (`not_ready`, `ready`, `stale`, `closed`), `checks`, `by_origin`, `version`,
// `epoch`, `flags`, `age` (seconds), `changes`, `failures`, `last_error` and `environment`. The caller frees the text.
jackstaff_string jackstaff_stats(const jackstaff_client *client);

// Builds a context. `user` is the targeting key; the null text is nobody, which is not the same as the empty text. `attributes` is a JSON object,
// or the null text for none: at most 256, nested at most 8 deep, texts at most 64 KiB.
//
// Null if it fails; the error then names the attribute. The caller frees the context.
jackstaff_context *jackstaff_context_new(jackstaff_text user,
                                         jackstaff_text attributes,
                                         jackstaff_error *error);

// Frees a context. No call with it may be under way or come later. Null is fine.
void jackstaff_context_free(jackstaff_context *context);

// Frees the message of an error, which then has none. Null is fine.
void jackstaff_error_free(jackstaff_error *error);

// The word for a reason: of its number in an evaluation, from 0 on; the null text past the last. The text stays for the life of the process.
jackstaff_text jackstaff_reason(uint32_t number);

// The word for an origin: of its number in an evaluation, from 0 on; the null text past the last. The text stays for the life of the process.
jackstaff_text jackstaff_origin(uint32_t number);

// Frees what an evaluation holds of the library's. Null, and one that was freed, are fine.
void jackstaff_evaluation_free(jackstaff_evaluation *evaluation);

// The index of a flag name, for `jackstaff_look_at` and `jackstaff_look_at_many`. The flag need not exist. A process can have 65 536 names; they are
// kept for its life, so give indices to the names in your program and not to what users send. `JACKSTAFF_NO_FLAG` beyond that.
uint32_t jackstaff_flag(jackstaff_text name);

// Is the flag on? Waits, at most for the `timeout` option. Never fails: the default serves where nobody can say. Not for callbacks.
bool jackstaff_is_enabled(const jackstaff_client *client,
                          jackstaff_text flag,
                          jackstaff_text user,
                          const jackstaff_context *context,
                          bool default_value);

// The answer with all that is known about it, as `jackstaff_look_closely` writes it. Waits, at most for the `timeout` option. The caller frees the
// evaluation. Not for callbacks.
void jackstaff_evaluate(const jackstaff_client *client,
                        jackstaff_text flag,
                        jackstaff_text user,
                        const jackstaff_context *context,
                        uint32_t wanted_type,
                        int32_t default_value,
                        jackstaff_evaluation *out);

// Finds the answers about one or several flags, and calls `answered` with them. `names` are the names, one after the other without
// anything between them; `lengths` are their lengths in bytes. The rest is as for `jackstaff_look_closely`; all is copied before this returns.
//
// If it returns anything but `JACKSTAFF_CODE_OK`, `answered` is not called.
jackstaff_code jackstaff_answer_later(const jackstaff_client *client,
                                      jackstaff_text names,
                                      jackstaff_numbers lengths,
                                      jackstaff_text user,
                                      const jackstaff_context *context,
                                      uint32_t wanted_type,
                                      int32_t default_value,
                                      jackstaff_answered answered,
                                      jackstaff_data data);

// Waits until the client answers from a ruleset, or knows that the service gives none; at most `seconds`. `JACKSTAFF_CODE_TIMEOUT` with the last failure,
// or `JACKSTAFF_CODE_CLOSED`. The client goes on trying in the background. Not for callbacks.
jackstaff_code jackstaff_ready(const jackstaff_client *client,
                               double seconds,
                               jackstaff_error *error);

// As `jackstaff_ready`, with a callback. If it returns anything but `JACKSTAFF_CODE_OK`, `done` is not called.
jackstaff_code jackstaff_ready_later(const jackstaff_client *client,
                                     double seconds,
                                     jackstaff_done done,
                                     jackstaff_data data);

// Waits until the flags have `version` or a later one, at most `seconds`. Otherwise as `jackstaff_ready`.
jackstaff_code jackstaff_wait_for_version(const jackstaff_client *client,
                                          uint64_t version,
                                          double seconds,
                                          jackstaff_error *error);

// As `jackstaff_wait_for_version`, with a callback. If it returns anything but `JACKSTAFF_CODE_OK`, `done` is not called.
jackstaff_code jackstaff_wait_for_version_later(const jackstaff_client *client,
                                                uint64_t version,
                                                double seconds,
                                                jackstaff_done done,
                                                jackstaff_data data);

// Calls `on_change` after each change, and `release` (which may be null) when that is over: after `jackstaff_unlisten`, when the client is closed, and
// when this fails. Starts the client. Returns a number for `jackstaff_unlisten`, or 0 if it fails; a client has at most 1 000 listeners.
uint64_t jackstaff_listen(const jackstaff_client *client,
                          jackstaff_on_change on_change,
                          jackstaff_release release,
                          jackstaff_data data,
                          jackstaff_error *error);

// Forgets a listener; does nothing if it is gone already. A call that is under way may still be going on when this returns: `release` says when
// it is over.
void jackstaff_unlisten(const jackstaff_client *client,
                        uint64_t listener);

// Has log lines of `level` and graver given to `logged`, for all clients of the process; a later call takes the place of an earlier one. Null, or
// `JACKSTAFF_LOG_OFF`, means none, and that is how it begins.
void jackstaff_log(uint32_t level,
                   jackstaff_logged logged,
                   jackstaff_data data);

// Frees a text of the library's and makes it the null text. Null, and a text that was freed, are fine.
void jackstaff_string_free(jackstaff_string *string);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

// The text that a C string holds, without its zero; null for null.
static inline jackstaff_text jackstaff_text_of(const char *string)
{
    jackstaff_text text = { (const uint8_t *)string, string ? strlen(string) : 0 };
    return text;
}
