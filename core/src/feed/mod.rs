//! News that something moved.
//!
//! The config service's own stream ([`sse`]) carries the rulesets themselves. The others carry hints: [`kafka`](self::Feed) and Redis publish and
//! subscribe say *that* something moved, and the client asks the service what. A hint may come twice, late, out of order or
//! from somebody who made it up; it can make a client ask, never make it believe. A feed that was away has missed what it missed: it says
//! that it is there ([`News::Joined`]), and whoever listens asks.
//!
//! A [`Feed`] joins and brings news until it fails; [`reports`] does that for ever, with pauses that grow, and any number of these are merged
//! in the client's one task.

pub mod event;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "redis")]
pub mod redis;
pub mod sse;

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use tokio::time::{Instant, sleep};

use crate::change::Change;
use crate::error::{Error, Result};
use crate::fault::chance;

/// The first pause after a failure; the next ones double up to [`MAX_PAUSE`].
const MIN_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// A feed that was up for so long begins with the first pause again.
const STEADY: Duration = Duration::from_secs(60);

/// What a feed has to say.
#[derive(Debug)]
pub enum News {
    /// It is there (again), and hears whatever moves from now on. It cannot tell what moved before.
    Joined,
    /// Something moved; when, in milliseconds since 1970, if the message says so.
    Moved(Change, Option<i64>),
    /// A message about nothing: a tombstone, or one of another environment.
    Nothing,
    /// A message that nobody can read. It is stepped over.
    Unreadable,
    /// Some messages are missing between the last one and the next.
    Gap,
    /// It is away, and comes back by itself.
    Away(Error),
}

/// Who says what.
#[derive(Debug)]
pub struct Report {
    /// The feed's name: `kafka`, `redis`.
    pub feed: &'static str,
    /// What it says.
    pub news: News,
}

/// Something to hear of changes by. After an error it is joined anew.
pub trait Feed: Send + 'static {
    /// Its name in figures and logs.
    fn name(&self) -> &'static str;

    /// Connects. What moves after this returns is brought by [`Feed::next`]. Takes bounded time.
    fn join(&mut self) -> BoxFuture<'_, Result<()>>;

    /// The next news; waits until there are some.
    fn next(&mut self) -> BoxFuture<'_, Result<News>>;
}

/// All that a feed says, for ever: it is joined again and again, with pauses that grow and are random in part, so that a fleet does not come
/// back in step.
pub fn reports(feed: Box<dyn Feed>) -> BoxStream<'static, Report> {
    struct State {
        feed: Box<dyn Feed>,
        joined: Option<Instant>,
        pause: Duration,
        is_pausing: bool,
    }
    let state = State { feed, joined: None, pause: MIN_PAUSE, is_pausing: false };
    stream::unfold(state, |mut state| async move {
        if std::mem::take(&mut state.is_pausing) {
            sleep(state.pause.mul_f64(0.5 + 0.5 * chance())).await;
            state.pause = (state.pause * 2).min(MAX_PAUSE);
        }
        let heard = match state.joined {
            Some(_) => state.feed.next().await,
            None => state.feed.join().await.map(|()| News::Joined),
        };
        let news = heard.unwrap_or_else(|error| {
            if state.joined.take().is_some_and(|at| at.elapsed() >= STEADY) {
                state.pause = MIN_PAUSE;
            }
            state.is_pausing = true;
            News::Away(error)
        });
        if matches!(news, News::Joined) {
            state.joined = Some(Instant::now());
        }
        Some((Report { feed: state.feed.name(), news }, state))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::error::ErrorKind;

    /// Joins and fails as the script says.
    struct Script(VecDeque<Result<News>>);

    impl Feed for Script {
        fn name(&self) -> &'static str {
            "script"
        }

        fn join(&mut self) -> BoxFuture<'_, Result<()>> {
            Box::pin(async { self.0.pop_front().map_or_else(|| Ok(()), |step| step.map(drop)) })
        }

        fn next(&mut self) -> BoxFuture<'_, Result<News>> {
            Box::pin(async {
                match self.0.pop_front() {
                    Some(step) => step,
                    None => std::future::pending().await,
                }
            })
        }
    }

    fn down<T>() -> Result<T> {
        Err(Error::new(ErrorKind::Unavailable, "away"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_feed_that_fails_is_joined_again_and_each_pause_is_longer() {
        let steps = [down(), down(), down(), Ok(News::Joined), Ok(News::Unreadable), down(), Ok(News::Joined)];
        let mut reports = reports(Box::new(Script(steps.into())));
        let mut said = Vec::new();
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let begun = Instant::now();
            said.push(match reports.next().await.unwrap().news {
                News::Joined => "joined",
                News::Away(_) => "away",
                _ => "news",
            });
            pauses.push(begun.elapsed());
        }
        assert_eq!(said, ["away", "away", "away", "joined", "news", "away", "joined"]);
        let between = |pause: Duration, least: u64, most: u64| (least..=most).contains(&(pause.as_millis() as u64));
        assert!(between(pauses[1], 250, 501) && between(pauses[2], 500, 1_001) && between(pauses[3], 1_000, 2_001), "{pauses:?}");
        assert!(pauses[4].is_zero() && between(pauses[6], 2_000, 4_001), "{pauses:?}");
    }
}
