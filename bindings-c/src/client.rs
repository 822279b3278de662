//! Making a client, ending one, and asking how it is.

use std::mem::MaybeUninit;
use std::path::PathBuf;

use jackstaff::client::mock::Check;
use jackstaff::client::options::Bootstrap;
use jackstaff::{ErrorKind, Options, Origin, Result, Value};

use crate::error::{Code, Error, attempt, guard};
use crate::raw::Text;
use crate::text::{MAX_JSON, MAX_NAME, OwnedText};

/// A client. Opaque; made by `jackstaff_open…`, freed by `jackstaff_client_free`. Any number of threads may use one at a time.
pub struct Client(pub(crate) jackstaff::Client);

/// Makes a client from its options: a JSON object such as `{"config_service_url": "http://…", "environment": "production"}`. The names
/// are those of every language (README), durations are seconds, and what is not given comes from the environment variables and the defaults. `bootstrap`
/// is a flag document to live on, or to begin with. Never blocks and never connects: the first use does. The null text means no options.
///
/// Null if it fails; the error then says why. The caller frees the client.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_open(options: Text, error: Option<&mut MaybeUninit<Error>>) -> Option<Box<Client>> {
    attempt(error, || open(self::options(options, None)?)).1
}

/// Makes a client that lives on a file, which is watched: YAML, JSON or TOML by its ending. `format` is the flag format, `native` if empty.
/// Otherwise as `jackstaff_open`.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_open_file(
    path: Text,
    format: Text,
    options: Text,
    error: Option<&mut MaybeUninit<Error>>,
) -> Option<Box<Client>> {
    attempt(error, || {
        let format = Some(format.strict(MAX_NAME)?).filter(|format| !format.is_empty()).unwrap_or("native").to_owned();
        let path = PathBuf::from(path.strict(MAX_NAME)?);
        // The options are complete without a service once they have a bootstrap; the file then takes its place.
        let mut options = self::options(options, Some(Value::Map([].into())))?;
        options.bootstrap = Some(Bootstrap::File { path, format });
        open(options)
    })
    .1
}

/// Makes a client for tests, which answers from these flags: a JSON object such as `{"new_ui": true, "theme": {"value": "light", "users": {"u1":
/// "dark"}}}`. It is the real client over a document that the test writes, with a record of what was asked.
///
/// Null if it fails; the error then says why. The caller frees the client.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_open_mock(flags: Text, error: Option<&mut MaybeUninit<Error>>) -> Option<Box<Client>> {
    attempt(error, || jackstaff::Client::mock(&json(flags, "flags")?).map(boxed)).1
}

/// Replaces the flags of a mock. The flags stay as they were if it fails.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_mock_set(client: Option<&Client>, flags: Text, error: Option<&mut MaybeUninit<Error>>) -> Code {
    attempt(error, || some(client)?.0.set_mock(&json(flags, "flags")?)).0
}

/// The checks that a mock was asked, oldest first, at most 10 000: a JSON list of `{"flag", "user", "enabled"}`. The caller frees the text.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_mock_checks(client: Option<&Client>) -> OwnedText {
    guard(OwnedText::none(), || {
        let checks = client.map(|client| client.0.recorded()).unwrap_or_default();
        Value::List(checks.into_iter().map(check).collect()).to_json().into()
    })
}

/// Puts in place what the options brought and begins to follow the service, if that has not begun: the first use that has to wait does
/// it by itself.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_start(client: Option<&Client>) {
    guard((), || client.into_iter().for_each(|client| client.0.start()));
}

/// Ends the background work. Checks go on to answer: with the caller's default. Bounded, and harmless when repeated. Listeners are released
/// before it returns, but for one that is being called.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_close(client: Option<&Client>) {
    guard((), || client.into_iter().for_each(|client| client.0.close()));
}

/// Frees a client, and closes it if nobody has. No other call with it may be under way or come later. Null is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_client_free(client: Option<Box<Client>>) {
    guard((), || {
        if let Some(client) = client {
            // Waits that are under way hold the core's client too; they are told that it is over.
            client.0.close();
        }
    });
}

/// In a forked child: forgets the parent's connections and starts anew where the parent had started. The flags are the parent's and answer at
/// once. Call it once for each client, before anything else in the child uses it.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_after_fork(client: Option<&Client>) {
    guard((), || client.into_iter().for_each(|client| client.0.after_fork()));
}

/// How the client is and what it has done: a JSON object with `status` (`not_ready`, `ready`, `stale`, `closed`), `checks`, `by_origin`, `version`,
/// `epoch`, `flags`, `age` (seconds), `changes`, `failures`, `last_error` and `environment`. The caller frees the text.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_stats(client: Option<&Client>) -> OwnedText {
    guard(OwnedText::none(), || client.map_or(OwnedText::none(), |client| stats(&client.0).to_json().into()))
}

/// The client, where there has to be one.
///
/// # Errors
/// `InvalidArgument` for null.
pub fn some(client: Option<&Client>) -> Result<&Client> {
    client.ok_or_else(|| jackstaff::Error::new(ErrorKind::InvalidArgument, "the client is null"))
}

/// The value of a JSON text; `what` names it in the error.
///
/// # Errors
/// `InvalidArgument` for a text that is no JSON.
pub fn json(text: Text, what: &str) -> Result<Value> {
    serde_json::from_str(text.strict(MAX_JSON)?)
        .map_err(|error| jackstaff::Error::new(ErrorKind::InvalidArgument, format!("{what}: not JSON: {error}")).caused_by(error))
}

fn options(text: Text, bootstrap: Option<Value>) -> Result<Options> {
    let given = if text.is_null() { Value::Map([].into()) } else { json(text, "options")? };
    let Value::Map(pairs) = &given else {
        return Err(jackstaff::Error::new(
            ErrorKind::InvalidArgument,
            format!("options are an object, and a {} is not", given.type_name()),
        ));
    };
    let pairs = pairs.iter().map(|(name, value)| (&**name, value.clone()));
    Options::from_pairs(pairs.chain(bootstrap.map(|bootstrap| ("bootstrap", bootstrap))))
}

fn open(options: Options) -> Result<Box<Client>> {
    jackstaff::Client::new(options).map(boxed)
}

fn boxed(client: jackstaff::Client) -> Box<Client> {
    Box::new(Client(client))
}

fn stats(client: &jackstaff::Client) -> Value {
    let stats = client.stats();
    let origins = Origin::ALL.iter().zip(stats.by_origin).map(|(origin, count)| (origin.as_str().into(), int(count))).collect();
    object([
        ("environment", Value::from(&*client.options().environment)),
        ("status", Value::from(stats.status.as_str())),
        ("checks", int(stats.checks)),
        ("by_origin", Value::Map(origins)),
        ("version", int(stats.version)),
        ("epoch", Value::from(stats.epoch)),
        ("flags", int(stats.flags as u64)),
        ("age", Value::from(stats.age.as_secs_f64())),
        ("changes", int(stats.changes)),
        ("failures", int(stats.failures)),
        ("last_error", stats.last_error.map_or(Value::Null, Value::from)),
    ])
}

fn check(check: Check) -> Value {
    object([
        ("flag", Value::from(check.flag)),
        ("user", check.user_id.map_or(Value::Null, Value::from)),
        ("enabled", Value::from(check.enabled)),
    ])
}

fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(name, value)| (name.into(), value)).collect())
}
