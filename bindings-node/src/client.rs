//! A client as our JavaScript sees it: the doors of its checks, and everything that is not in a hurry.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jackstaff::client::options::Bootstrap;
use jackstaff::{Attributes, Client, Context, Options, Value};
use napi::bindgen_prelude::{External, Function, Object};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, Unknown};
use napi_derive::napi;

use crate::error::{Result, argument, as_text, host, thrown};
use crate::raw::door::{self, Room};
use crate::raw::epoch::EpochWord;
use crate::wait::{self, Fetches, UnderWay};
use crate::{checks, convert};

/// A client and what JavaScript needs to hold it.
#[napi]
pub struct NativeClient {
    client: Client,
    word: Arc<EpochWord>,
    /// Is the epoch word told of this client's changes?
    kept: Mutex<bool>,
    /// How many fetches that nobody waits for are under way.
    fetches: Fetches,
}

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
        door::function(env, Room::new(&self.client, Vec::new(), checks::check))
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
        door::function(env, Room::new(&self.client, Vec::new(), checks::check_lasting))
    }

    /// `(user, default?, attributes?)` → as `checker`, about one flag; the default is false unless given.
    #[napi]
    pub fn flag_checker<'env>(&self, env: &'env Env, flag: String) -> napi::Result<Unknown<'env>> {
        door::function(env, Room::new(&self.client, vec![flag], checks::check_bound))
    }

    /// `(user, default, attributes?)` → a text with one `0` or `1` for each flag, or undefined.
    #[napi]
    pub fn batch_checker<'env>(&self, env: &'env Env, flags: Vec<String>) -> napi::Result<Unknown<'env>> {
        door::function(env, Room::new(&self.client, flags, checks::check_all))
    }

    /// `(flag, user, attributes, wanted type, default as JSON)` → an evaluation as JSON, or undefined.
    #[napi]
    pub fn evaluator<'env>(&self, env: &'env Env) -> napi::Result<Unknown<'env>> {
        door::function(env, Room::new(&self.client, Vec::new(), checks::evaluate))
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
        let (context, default) = (context(user, attributes)?, checks::fallback(default.as_deref()));
        let client = self.client.clone();
        wait::promise(&self.client, env, async move {
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
        wait::promise(&self.client, env, async move { as_text(&client.ready(timeout).await) })
    }

    /// The same for a version.
    #[napi]
    pub fn wait_for_version<'env>(&self, env: &'env Env, version: f64, timeout: f64) -> Result<Object<'env>> {
        let (client, timeout) = (self.client.clone(), seconds(timeout)?);
        wait::promise(&self.client, env, async move { as_text(&client.wait_for_version(version as u64, timeout).await) })
    }

    /// Calls `listener` with each change as JSON. Does not keep the process alive. Returns a number for `unlisten`.
    #[napi]
    pub fn listen(&self, listener: Function<'_, String, ()>) -> Result<f64> {
        let listener = listener
            .build_threadsafe_function::<String>()
            .weak::<true>()
            .callee_handled::<false>()
            .max_queue_size::<1024>()
            .build()
            .map_err(host)?;
        let id = self.client.on_change(move |change| {
            // A loop that is 1024 changes behind loses some; they say only that something changed.
            listener.call(convert::change(change).to_json(), ThreadsafeFunctionCallMode::NonBlocking);
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
        convert::stats(self.client.stats()).to_json()
    }

    /// The same as measures, a JSON list: index of the instrument, the value of its attribute or null, number.
    #[napi]
    pub fn measures(&self) -> String {
        convert::measures(self.client.stats()).to_json()
    }

    /// What the client was made with, as far as it may be shown, as JSON.
    #[napi]
    pub fn about(&self) -> String {
        let options = self.client.options();
        convert::object([
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
        let checks: Vec<Value> = self.client.recorded().into_iter().map(convert::check).collect();
        Value::List(checks.into()).to_json()
    }

    /// Ends the client. Answers that JavaScript keeps are old from now on.
    #[napi]
    pub fn close(&self) {
        self.client.close();
        self.word.advance();
    }
}

fn context(user: Option<String>, attributes: Option<String>) -> Result<Context> {
    let context = user.map_or_else(|| Ok(Context::anonymous()), Context::new).map_err(thrown)?;
    let attributes = attributes.map(|json| Attributes::from_json(&json)).transpose().map_err(thrown)?;
    Ok(context.with_attributes(attributes.unwrap_or_default()))
}

fn seconds(number: f64) -> Result<Duration> {
    if (0.0..=31_536_000.0).contains(&number) {
        Ok(Duration::from_secs_f64(number))
    } else {
        Err(argument(format!("timeout is {number}: it has to be a number of seconds from 0 to a year")))
    }
}
