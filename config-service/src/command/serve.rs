//! `jackstaff serve`

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jackstaff::ruleset::Severity;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use super::{Failure, problem_line};
use crate::clock;
use crate::config::{LogFormat, Serve};
use crate::environments::refusal::Refusal;
use crate::publish::relay::{self, Outlet};
use crate::publish::sse::StreamOptions;
use crate::publish::sweep::{self, Sweep};
use crate::publish::{kafka, redis};
use crate::serve::run;
use crate::service::{Place, Service, ServiceOptions, begin_new_epoch, import_file};
use crate::tls::Tls;
use crate::watch::watch;

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// The store cannot be opened, the flags have mistakes, the port is taken, or keys are needed and there are none.
pub fn serve(options: &Serve) -> Result<(), Failure> {
    log_to_stderr(options);
    let relays = relays(options)?;
    let tls = match (&options.tls_cert, &options.tls_key) {
        (Some(cert), Some(key)) => Some(Tls::open(cert, key).map_err(Failure::usage)?),
        _ => None, // the command line takes neither without the other
    };
    let service = prepare(options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::usage(format!("cannot start threads: {error}")))?;
    runtime.block_on(async {
        let failed = |error| Failure::usage(format!("cannot listen on {}: {error}", options.listen));
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stop = stop_signal().map_err(|error| Failure::usage(format!("cannot wait for signals: {error}")))?;
        if let Some(file) = options.flags.clone().filter(|_| options.watch) {
            tokio::spawn(watch(service.clone(), file));
        }
        for (name, delay, outlet) in relays {
            relay::start(&service, name, delay, outlet);
        }
        announce(options, address);
        run(listener, tls, service, stop).await;
        Ok::<(), Failure>(())
    })?;
    // Work on blocking threads may still hold the store; it ends with the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    tracing::info!("stopped");
    Ok(())
}

fn prepare(options: &Serve) -> Result<Arc<Service>, Failure> {
    let is_public = !options.listen.ip().is_loopback();
    let behaviour = ServiceOptions {
        keys_required: is_public,
        open: options.open,
        streams: StreamOptions { max_streams: options.max_streams, ..StreamOptions::default() },
        max_connections: options.max_connections,
        head_timeout: Duration::from_secs(options.head_timeout),
        request_timeout: Duration::from_secs(options.request_timeout),
        import_timeout: Duration::from_secs(options.import_timeout),
        shutdown_timeout: Duration::from_secs(options.shutdown_timeout),
    };
    let service = Service::open(options.store.place().open()?, behaviour, clock::system())?;
    if is_public && !options.open && !service.keys.any_live() {
        return Err(Failure::usage(format!(
            "{} is reachable from other machines, and there is no API key yet. Make one with\n  jackstaff keys create {}--kind admin\nor listen on 127.0.0.1, or say --open if everybody may read and change all flags",
            options.listen,
            match options.store.place() {
                Place::Folder(data) => format!("--data {} ", data.display()),
                Place::Database(_) => String::new(), // DATABASE_URL says it, and is not to be shown
            }
        )));
    }
    if options.open && is_public {
        tracing::warn!(listen = %options.listen, "open to everybody: no API key is asked for");
    }
    if options.new_epoch {
        begin_new_epoch(&service)?;
    }
    if let Some(file) = &options.flags {
        let outcome = import_file(&service, file).map_err(|refusal| match refusal {
            Refusal::Invalid(problems) => {
                let lines: Vec<String> = problems.iter().map(|problem| format!("  {}", problem_line(file, problem))).collect();
                Failure::usage(format!("{} has mistakes, and nothing is served:\n{}", file.display(), lines.join("\n")))
            }
            other => other.into(),
        })?;
        for warning in outcome.warnings.iter().filter(|problem| problem.severity == Severity::Warning) {
            tracing::warn!("{}", problem_line(file, warning));
        }
    }
    Ok(service)
}

/// What publishes changes, by name, with how long it waits.
type Relay = (&'static str, Duration, Box<dyn Outlet>);

/// Judged before anything is opened: a wrong address is told at the start, a broker that is away is not.
fn relays(options: &Serve) -> Result<Vec<Relay>, Failure> {
    let mut relays: Vec<Relay> = Vec::new();
    if let Some(settings) = options.kafka.settings().map_err(|error| Failure::usage(error.to_string()))? {
        relays.push(("kafka", Duration::ZERO, Box::new(kafka::Kafka::new(settings))));
    }
    if let Some(url) = options.redis_url.as_ref().filter(|url| !url.is_empty()) {
        relays.push(("redis", Duration::ZERO, Box::new(redis::Redis::new(url).map_err(Failure::usage)?)));
        if options.legacy_sweep {
            relays.push(("sweep", Duration::ZERO, Box::new(Sweep::new(url).map_err(Failure::usage)?)));
            relays.push(("sweep-again", sweep::AGAIN, Box::new(Sweep::new(url).map_err(Failure::usage)?)));
        }
    }
    Ok(relays)
}

fn log_to_stderr(options: &Serve) {
    let format = options.log_format.unwrap_or(if options.json { LogFormat::Json } else { LogFormat::Text });
    let filter = EnvFilter::try_from_env("JACKSTAFF_LOG").unwrap_or_else(|_| EnvFilter::new("info,rskafka=off"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    // Whoever embeds this may have set a log of its own; then that one is used.
    let _ = match format {
        LogFormat::Text => log.with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}

fn announce(options: &Serve, address: SocketAddr) {
    let mut out = std::io::stdout().lock();
    let scheme = if options.tls_cert.is_some() { "https" } else { "http" };
    // Nobody reading stdout is no reason not to serve.
    let _ = if options.json {
        let line = serde_json::json!({
            "event": "listening", "address": address.to_string(), "url": format!("{scheme}://{address}"), "version": env!("CARGO_PKG_VERSION"),
        });
        writeln!(out, "{line}")
    } else {
        writeln!(
            out,
            "jackstaff {} serves flags at {scheme}://{address} (flags are kept in {})",
            env!("CARGO_PKG_VERSION"),
            options.store.place()
        )
    };
    let _ = out.flush();
}

#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
    })
}

#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        // Without a signal to wait for, the process ends when it is ended.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
