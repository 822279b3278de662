//! A client as our JavaScript sees it: the doors of its checks, and everything that is not in a hurry.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jackstaff::change::Change;
use jackstaff::client::options::Bootstrap;
use jackstaff::{Client, Context, Options, Origin, Value, View};
use napi::bindgen_prelude::{External, Function, Object};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, JsDeferred, Unknown};
use napi_derive::napi;

use crate::convert;
use crate::door::{self, Buffer, Call, Reply, Room};
use crate::epoch::EpochWord;
use crate::error::{Result, argument, as_text, host, thrown};

/// A client and what JavaScript needs to hold it.
#[napi]
pub struct NativeClient {
    client: Client,
    word: Arc<EpochWord>,
    /// Is the epoch word told of this client's changes?
    kept: Mutex<bool>,
    /// How many fetches that nobody waits for are under way.
    fetches: Arc<AtomicUsize>,
}

/// The most of them. A check in a loop while the service is away would otherwise pile them up; the next check tries again.
const MAX_FETCHES: usize = 256;

fn client(client: jackstaff::Result<Client>, word: &External<Arc<EpochWord>>) -> Result<NativeClient> {
    Ok(NativeClient { client: client.map_err(thrown)?, word: Arc::clone(word), kept: Mutex::new(false), fetches: Arc::default() })
}

/// The options of a JSON object, and what stands for them where the caller gives no service.
fn options(json: &str, bootstrap: Option<Value>) -> jackstaff::Result<Options> {
    let given = convert::value(json)?;
    let pairs = if let Value::Map(pairs) = &given { &**pairs } else { &[] };
    let pairs = pairs.iter().map(|(name, value)| (&**name, value.clone()));
    Options::from_pairs(pairs.chain(bootstrap.map(|bootstrap| ("bootstrap", bootstrap))))
}

/// A client with these options, a JSON object.
#[napi]
pub fn open(options_json: String, word: &External<Arc<EpochWord>>) -> Result<NativeClient> {
    client(options(&options_json, None).and_then(Client::new), word)
}

/// A client that lives on a file.
#[napi]
pub fn open_file(path: String, format: String, options_json: String, word: &External<Arc<EpochWord>>) -> Result<NativeClient> {
    // The options are complete without a service once they have a bootstrap; the file then takes its place.
    let opened = options(&options_json, Some(Value::Map([].into()))).and_then(|mut options| {
        options.bootstrap = Some(Bootstrap::File { path: PathBuf::from(path), format });
        Client::new(options)
    });
    client(opened, word)
}

/// A mock that answers from these flags, a JSON object.
#[napi]
pub fn open_mock(flags_json: String, word: &External<Arc<EpochWord>>) -> Result<NativeClient> {
    client(convert::value(&flags_json).and_then(|flags| Client::mock(&flags)), word)
}

#[napi]
impl NativeClient {
    /// `(flag, user, default, attributes?)` → boolean, or undefined if only a wait could tell.
    #[napi]
    pub fn checker<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        door::function(env, Room::new(&self.client, Vec::new(), check))
    }

    /// `(flag, user, default, attributes?)` → 1 if enabled, plus 2 if the answer lasts until the epoch word changes; or undefined.
    #[napi]
    pub fn lasting_checker<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !*kept {
            let word = self.word.clone();
            self.client.on_change(move |_| word.advance()).map_err(|error| napi::Error::from_reason(error.message().to_owned()))?;
            *kept = true;
        }
        door::function(env, Room::new(&self.client, Vec::new(), check_lasting))
    }

    /// `(user, default, attributes?)` → as `checker`, about one flag.
    #[napi]
    pub fn flag_checker<'env>(&self, env: &'env Env, flag: String) -> napi::Result<Unknown<'env>> {
        door::function(env, Room::new(&self.client, vec![flag], check_bound))
    }

    /// `(user, default, attributes?)` → a text with one `0` or `1` for each flag, or undefined.
    #[napi]
    pub fn batch_checker<'env>(&self, env: &'env Env, flags: Vec<String>) -> napi::Result<Unknown<'env>> {
        door::function(env, Room::new(&self.client, flags, check_all))
    }

    /// `(flag, user, attributes, wanted type, default as JSON)` → an evaluation as JSON, or undefined.
    #[napi]
    pub fn evaluator<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        door::function(env, Room::new(&self.client, Vec::new(), evaluate))
    }

    /// Evaluations of `flags`, waited for: a promise of a JSON list, or of the empty text should that fail.
    #[napi]
    pub fn later<'env>(
        &self,
        env: &'env Env,
        flags: Vec<String>,
        user: Option<String>,
        attributes: Option<String>,
        wanted: u32,
        default: Option<String>,
    ) -> Result<Object<'env>> {
        let (context, default) = (context(user, attributes)?, fallback(default.as_deref()));
        let client = self.client.clone();
        self.promise(env, async move {
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            convert::evaluations(&client.batch(&flags, context.view(), convert::wanted(wanted), &default).await)
        })
    }

    /// Has the answers about `flags` fetched, for the next caller.
    #[napi]
    pub fn fetch(&self, flags: Vec<String>, user: Option<String>, attributes: Option<String>) -> Result<()> {
        let under_way = UnderWay::begin(&self.fetches);
        let (false, Some(under_way)) = (self.client.is_closed(), under_way) else { return Ok(()) };
        let context = context(user, attributes)?;
        let client = self.client.clone();
        let fetched = self.client.spawn(async move {
            let _under_way = under_way;
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            client.batch(&flags, context.view(), None, &Value::Null).await;
        });
        fetched.map_err(thrown)
    }

    /// The answer about `flag` and how it comes about, as JSON `[evaluation, steps]`; null where the service evaluates.
    #[napi]
    pub fn explain(&self, flag: String, user: Option<String>, attributes: Option<String>) -> Result<Option<String>> {
        let context = context(user, attributes)?;
        self.client.start();
        let explained = self.client.explain(&flag, context.view(), &Value::Null);
        Ok(explained.map(|(evaluation, explanation)| {
            let mut out = String::from("[");
            convert::write_evaluation(&mut out, &evaluation);
            out.push(',');
            out.push_str(&serde_json::to_string(&explanation.steps).unwrap_or_else(|_| "[]".to_owned()));
            out.push(']');
            out
        }))
    }

    /// A promise that is fulfilled when the client is ready: with the empty text, or with an error as text.
    #[napi]
    pub fn ready<'env>(&self, env: &'env Env, timeout: f64) -> Result<Object<'env>> {
        let (client, timeout) = (self.client.clone(), seconds(timeout)?);
        self.promise(env, async move { as_text(&client.ready(timeout).await) })
    }

    /// The same for a version.
    #[napi]
    pub fn wait_for_version<'env>(&self, env: &'env Env, version: f64, timeout: f64) -> Result<Object<'env>> {
        let (client, timeout) = (self.client.clone(), seconds(timeout)?);
        self.promise(env, async move { as_text(&client.wait_for_version(version as u64, timeout).await) })
    }

    /// Calls `listener` with each change as JSON. Does not keep the process alive. Returns a number for `unlisten`.
    #[napi]
    pub fn listen(&self, listener: Function<'_, (String,), ()>) -> Result<f64> {
        let listener = listener
            .build_threadsafe_function::<(String,)>()
            .weak::<true>()
            .callee_handled::<false>()
            .max_queue_size::<1024>()
            .build()
            .map_err(host)?;
        let id = self.client.on_change(move |change| {
            // A loop that is 1024 changes behind loses some; they say only that something changed.
            listener.call((change_json(change),), ThreadsafeFunctionCallMode::NonBlocking);
        });
        id.map(|id| id as f64).map_err(thrown)
    }

    /// Forgets a listener.
    #[napi]
    pub fn unlisten(&self, id: f64) {
        self.client.remove_listener(id as u64);
    }

    /// The numbers of [`jackstaff::client::Stats`], as JSON.
    #[napi]
    pub fn stats(&self) -> String {
        let stats = self.client.stats();
        let origins = Origin::ALL.iter().zip(stats.by_origin).map(|(origin, count)| (origin.as_str().into(), int(count))).collect();
        object([
            ("status", Value::from(stats.status.as_str())),
            ("checks", int(stats.checks)),
            ("byOrigin", Value::Map(origins)),
            ("version", int(stats.version)),
            ("epoch", Value::from(stats.epoch)),
            ("flags", int(stats.flags as u64)),
            ("age", Value::from(stats.age.as_secs_f64())),
            ("changes", int(stats.changes)),
            ("failures", int(stats.failures)),
            ("lastError", stats.last_error.map_or(Value::Null, Value::from)),
        ])
        .to_json()
    }

    /// What the client was made with, as far as it may be shown, as JSON.
    #[napi]
    pub fn about(&self) -> String {
        let options = self.client.options();
        object([
            ("configServiceUrl", options.config_service_url.as_deref().map_or(Value::Null, Value::from)),
            ("environment", Value::from(&*options.environment)),
            ("cacheTtl", Value::from(options.cache_ttl.as_secs_f64())),
        ])
        .to_json()
    }

    /// Replaces the flags of a mock.
    #[napi]
    pub fn set_mock(&self, flags_json: String) -> Result<()> {
        convert::value(&flags_json).and_then(|flags| self.client.set_mock(&flags)).map_err(thrown)
    }

    /// The checks that a mock was asked, as a JSON list.
    #[napi]
    pub fn recorded(&self) -> String {
        let checks: Vec<Value> = self.client.recorded().into_iter().map(check_value).collect();
        Value::List(checks.into()).to_json()
    }

    /// Ends the client. Answers that JavaScript keeps are old from now on.
    #[napi]
    pub fn close(&self) {
        self.client.close();
        self.word.advance();
    }
}

impl NativeClient {
    /// A promise that is settled from the core's runtime. It keeps the process alive until then, as any request does.
    fn promise<'env>(&self, env: &'env Env, future: impl Future<Output = String> + Send + 'static) -> Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred().map_err(host)?;
        let mut pending = Pending(Some(deferred));
        let spawned = self.client.spawn(async move { pending.settle(future.await) });
        spawned.map_err(thrown)?;
        Ok(promise)
    }
}

/// One of [`MAX_FETCHES`] places, held while the fetch lives.
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn begin(fetches: &Arc<AtomicUsize>) -> Option<Self> {
        // Counted first, so that a place which is refused is given back by the same drop.
        let place = Self(fetches.clone());
        (fetches.fetch_add(1, Ordering::Relaxed) < MAX_FETCHES).then_some(place)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

type Settle = Box<dyn FnOnce(Env) -> napi::Result<String> + Send>;

/// A promise that is settled in any case: if the future is dropped, by a panic or with its runtime, with the empty text.
struct Pending(Option<JsDeferred<String, Settle>>);

impl Pending {
    fn settle(&mut self, text: String) {
        if let Some(deferred) = self.0.take() {
            deferred.resolve(Box::new(move |_| Ok(text)));
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.settle(String::new());
    }
}

fn check(room: &Room, call: &Call) -> Reply {
    let mut buffer = Buffer::<256>::new();
    let (Some(flag), Some(default)) = (call.text(0, &mut buffer), call.bool(2)) else { return Reply::Unknown };
    call.with_context(room, 1, 3, |context| enabled(&room.client, flag, context, default))
}

fn check_bound(room: &Room, call: &Call) -> Reply {
    let (Some(flag), Some(default)) = (room.flags.first(), call.bool(1)) else { return Reply::Unknown };
    call.with_context(room, 0, 2, |context| enabled(&room.client, flag, context, default))
}

#[inline]
fn enabled(client: &Client, flag: &str, context: View<'_>, default: bool) -> Reply {
    match client.peek_enabled(flag, context, default) {
        Some(enabled) => Reply::Bool(enabled),
        None => begin(client).and_then(|()| client.peek_enabled(flag, context, default)).map_or(Reply::Unknown, Reply::Bool),
    }
}

/// The start may put in place what the options brought: then a second look finds it.
#[cold]
fn begin(client: &Client) -> Option<()> {
    client.start();
    client.snapshot().map(|_| ())
}

fn check_lasting(room: &Room, call: &Call) -> Reply {
    let mut buffer = Buffer::<256>::new();
    let (Some(flag), Some(default)) = (call.text(0, &mut buffer), call.bool(2)) else { return Reply::Unknown };
    call.with_context(room, 1, 3, |context| match room.client.peek_lasting(flag, context, default) {
        Some((enabled, lasts)) => Reply::Number(u32::from(enabled) + 2 * u32::from(lasts)),
        None => Reply::Unknown,
    })
}

fn check_all(room: &Room, call: &Call) -> Reply {
    let Some(default) = call.bool(1) else { return Reply::Unknown };
    call.with_context(room, 0, 2, |context| {
        let peek = || -> Option<String> {
            let mut out = String::with_capacity(room.flags.len());
            for flag in &room.flags {
                out.push(if room.client.peek_enabled(flag, context, default)? { '1' } else { '0' });
            }
            Some(out)
        };
        peek().or_else(|| begin(&room.client).and_then(|()| peek())).map_or(Reply::Unknown, Reply::Text)
    })
}

fn evaluate(room: &Room, call: &Call) -> Reply {
    let (mut name, mut default) = (Buffer::<256>::new(), Buffer::<256>::new());
    let (Some(flag), Some(wanted)) = (call.text(0, &mut name), call.number(3)) else { return Reply::Unknown };
    let (wanted, default) = (convert::wanted(wanted), fallback(call.text(4, &mut default)));
    call.with_context(room, 1, 2, |context| {
        let peek = || room.client.peek(flag, context, wanted, &default);
        match peek().or_else(|| begin(&room.client).and_then(|()| peek())) {
            Some(evaluation) => {
                let mut out = String::with_capacity(128);
                convert::write_evaluation(&mut out, &evaluation);
                Reply::Text(out)
            }
            None => Reply::Unknown,
        }
    })
}

/// The default of a caller: only its type and a mock's record need it here, the value stays in JavaScript.
fn fallback(json: Option<&str>) -> Value {
    match json {
        Some("true") => Value::Bool(true),
        Some("false") => Value::Bool(false),
        _ => Value::Null,
    }
}

fn context(user: Option<String>, attributes: Option<String>) -> Result<Context> {
    let context = user.map_or_else(|| Ok(Context::anonymous()), Context::new).map_err(thrown)?;
    let attributes = attributes.map(|json| convert::attributes(&json)).transpose().map_err(thrown)?;
    Ok(context.with_attributes(attributes.unwrap_or_default()))
}

fn seconds(number: f64) -> Result<Duration> {
    if (0.0..=31_536_000.0).contains(&number) {
        Ok(Duration::from_secs_f64(number))
    } else {
        Err(argument(format!("timeout is {number}: it has to be a number of seconds from 0 to a year")))
    }
}

fn change_json(change: &Change) -> String {
    let flags: Vec<&str> = change.flags.iter().map(|flag| &**flag).collect();
    object([
        ("environment", Value::from(&*change.environment)),
        ("epoch", Value::from(&*change.epoch)),
        ("version", int(change.version)),
        ("previous", change.previous.map_or(Value::Null, int)),
        ("flags", Value::from(flags)),
    ])
    .to_json()
}

fn check_value(check: jackstaff::client::mock::Check) -> Value {
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
