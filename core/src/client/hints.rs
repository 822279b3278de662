//! What a client makes of hints: somebody says that something moved, and the client asks when that is worth a question.
//!
//! A hint never changes an answer by itself: anybody who can write to a topic could then flip flags. It makes the client ask, within half a
//! second chosen at random so that a fleet does not ask in one moment, and once for all hints that came meanwhile. Hints that turn out
//! to be about nothing make the next ones wait longer, up to five seconds, so that a flood of them is a question now and then.
//! In remote mode a hint says which cached answers are old ([`Remote::changed`](crate::source::Remote::changed)).

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::SelectAll;
use tokio::time::Instant;

use super::options::{Evaluate, Options};
use super::stats::FeedStats;
use super::{Inner, now_ms};
use crate::change::Change;
use crate::error::Error;
use crate::feed::{Feed, News, Report, reports};

/// A question is asked within this after a hint.
const SPREAD: Duration = Duration::from_millis(500);
/// Two questions are at least so far apart.
const LEAST_GAP: Duration = Duration::from_millis(250);
/// Hints that prove empty make questions at most so rare.
const MOST_GAP: Duration = Duration::from_secs(5);
/// How often a version that was told of, and that the service does not have yet, is asked for.
const PATIENCE: u32 = 10;
/// The most hints whose times are remembered until their version is applied.
const MAX_TIMES: usize = 64;

/// All feeds of a client, merged, and what is to be asked because of them.
pub(super) struct Hints {
    feeds: SelectAll<futures_util::stream::BoxStream<'static, Report>>,
    has_feeds: bool,
    /// When to ask.
    ask_at: Option<Instant>,
    /// The newest version that was told of and has not come: its epoch, itself, and how often it was asked for.
    told: Option<(Arc<str>, u64, u32)>,
    asked_at: Option<Instant>,
    gap: Duration,
    /// Versions that were told of, with the times of their commits.
    times: VecDeque<(Arc<str>, u64, i64)>,
}

impl Hints {
    /// The feeds that the options ask for. None of them connects yet.
    ///
    /// # Errors
    /// `InvalidArgument` for an address that cannot be used.
    #[cfg_attr(not(any(feature = "kafka", feature = "redis")), allow(unused_mut, unused_variables))] // then there is nothing to follow
    pub fn of(options: &Options) -> Result<Self, Error> {
        let mut feeds: Vec<Box<dyn Feed>> = Vec::new();
        #[cfg(feature = "kafka")]
        if let Some(settings) = &options.kafka {
            feeds.push(Box::new(crate::feed::kafka::Kafka::new(settings.clone(), options.environment.clone())));
        }
        #[cfg(feature = "redis")]
        if let (true, Some(url)) = (options.redis_updates, &options.redis_url) {
            feeds.push(Box::new(crate::feed::redis::Redis::new(servers(options, url)?, options.environment.clone())));
        }
        let has_feeds = !feeds.is_empty();
        let feeds = feeds.into_iter().map(reports).collect();
        Ok(Self { feeds, has_feeds, ask_at: None, told: None, asked_at: None, gap: LEAST_GAP, times: VecDeque::new() })
    }

    /// Is there anything to hear?
    pub fn has_feeds(&self) -> bool {
        self.has_feeds
    }

    /// The next report; waits for ever if there are no feeds.
    pub async fn next(&mut self) -> Report {
        match self.feeds.next().await {
            Some(report) => report,
            None => std::future::pending().await, // there are no feeds: they do not end
        }
    }

    /// When the service is to be asked because of what was heard.
    pub fn ask_at(&self) -> Option<Instant> {
        self.ask_at
    }

    /// Acts on a report. `known` is where the ruleset stands.
    pub fn hear(&mut self, client: &Inner, report: Report, known: Option<(&str, u64)>, chance: f64) {
        let Report { feed, news } = report;
        match news {
            News::Joined => {
                if client.note_feed(feed, FeedStats::joined) {
                    tracing::info!(feed, environment = &*client.options.environment, "changes are heard of again");
                }
                self.ask(chance); // what moved before nobody tells
            }
            News::Away(error) => {
                let message = error.to_string();
                if client.note_feed(feed, |stats| stats.away(message)) {
                    tracing::warn!(feed, %error, environment = &*client.options.environment, "changes are not heard of by this feed; it is joined again and again");
                }
            }
            News::Nothing => drop(client.note_feed(feed, |stats| stats.count(|stats| &mut stats.ignored))),
            News::Unreadable => {
                if client.note_feed(feed, FeedStats::unreadable) {
                    tracing::warn!(feed, "a message that is no change of a flag was stepped over; more of them are only counted");
                }
            }
            News::Gap => {
                client.note_feed(feed, |stats| stats.count(|stats| &mut stats.gaps));
                client.forget_answers();
                self.ask(chance);
            }
            News::Moved(change, at) => self.moved(client, feed, change, at, known, chance),
        }
    }

    fn moved(&mut self, client: &Inner, feed: &'static str, change: Change, at: Option<i64>, known: Option<(&str, u64)>, chance: f64) {
        let is_known = change.has_version() && known.is_some_and(|(epoch, version)| *epoch == *change.epoch && change.version <= version);
        let is_gap = change.has_version()
            && known.is_some_and(|(epoch, version)| *epoch == *change.epoch && change.previous.is_some_and(|previous| previous > version));
        client.note_feed(feed, |stats| {
            stats.count(|stats| if is_known { &mut stats.duplicates } else { &mut stats.changes });
            stats.count_if(is_gap, |stats| &mut stats.gaps)
        });
        if let Some(remote) = &*client.process().remote.load() {
            remote.changed(&change);
        }
        if client.options.evaluation == Evaluate::Remote {
            return client.tell(&change);
        }
        if is_known {
            return;
        }
        if change.has_version() {
            if let Some(at) = at {
                self.remember(change.epoch.clone(), change.version, at);
            }
            let is_newer = self.told.as_ref().is_none_or(|(epoch, version, _)| *epoch != change.epoch || *version < change.version);
            if is_newer {
                self.told = Some((change.epoch, change.version, 0));
            }
        }
        self.ask(chance);
    }

    /// Puts a question on the list, unless there is one.
    fn ask(&mut self, chance: f64) {
        let least = self.asked_at.map(|at| at + self.gap);
        let at = Instant::now() + SPREAD.mul_f64(chance);
        self.ask_at.get_or_insert(least.map_or(at, |least| at.max(least)));
    }

    /// The service was asked, and `known` is where the ruleset stands now; `brought` says whether the answer was news.
    pub fn asked(&mut self, known: Option<(&str, u64)>, brought: bool) {
        self.asked_at = Some(Instant::now());
        self.ask_at = None;
        let is_there = |epoch: &str, version: u64| known.is_some_and(|(known, at)| *known == *epoch && at >= version);
        match &mut self.told {
            Some((epoch, version, tries)) if !is_there(epoch, *version) && *tries < PATIENCE => {
                // Another copy of the service may have answered, one that has not heard yet.
                *tries += 1;
                self.ask_at = Some(Instant::now() + self.gap);
                self.gap = if brought { LEAST_GAP } else { (self.gap * 2).min(MOST_GAP) };
            }
            told => {
                let is_empty = told.take().is_some_and(|(epoch, version, _)| !is_there(&epoch, version));
                self.gap = if is_empty {
                    MOST_GAP
                } else if brought {
                    LEAST_GAP
                } else {
                    (self.gap * 2).min(MOST_GAP)
                };
            }
        }
    }

    /// The stream brings a version, and says when it was committed: one measurement, even where Kafka or Redis told of it before.
    pub fn committed(&mut self, epoch: &Arc<str>, version: u64, at: i64) {
        if !self.times.iter().any(|(of, told, _)| *of == *epoch && *told == version) {
            self.remember(epoch.clone(), version, at);
        }
    }

    fn remember(&mut self, epoch: Arc<str>, version: u64, at: i64) {
        if self.times.len() == MAX_TIMES {
            self.times.pop_front();
        }
        self.times.push_back((epoch, version, at));
    }

    /// The ruleset stands at `known` now: how long did that take from the commits that were told of?
    pub fn applied(&mut self, client: &Inner, epoch: &str, version: u64) {
        let now = now_ms();
        self.times.retain(|(of, at_version, at)| {
            let is_there = **of == *epoch && *at_version <= version;
            if is_there {
                client.stats.applied(Duration::from_millis(u64::try_from(now - at).unwrap_or(0)));
            }
            !is_there && **of == *epoch
        });
        if self.told.as_ref().is_some_and(|(of, told, _)| **of == *epoch && *told <= version) {
            (self.told, self.ask_at, self.gap) = (None, None, LEAST_GAP); // it came another way
        }
    }
}

/// Where to subscribe: the servers of the shared cache, one after the other.
#[cfg(feature = "redis")]
fn servers(options: &Options, url: &str) -> Result<crate::feed::redis::Servers, Error> {
    let place = Arc::new(crate::cache::redis::Place::parse(url)?);
    let certificates = options.redis_certificates()?;
    let mut turn = 0_usize;
    Ok(Box::new(move || {
        turn = turn.wrapping_add(1);
        let (place, certificates, turn) = (place.clone(), certificates.clone(), turn);
        Box::pin(async move {
            let certificates = certificates.map(|ca| redis::TlsCertificates { client_tls: None, root_cert: Some(ca) });
            place.server(turn, certificates).await
        })
    }))
}

impl Inner {
    /// Writes down what a feed did; what `note` returns.
    pub(super) fn note_feed(&self, feed: &'static str, note: impl FnOnce(&mut FeedStats) -> bool) -> bool {
        let process = self.process();
        let mut feeds = process.feeds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stats) = feeds.iter_mut().find(|stats| stats.feed == feed) {
            return note(stats);
        }
        let mut stats = FeedStats::new(feed);
        let noted = note(&mut stats);
        feeds.push(stats);
        noted
    }

    /// All cached answers of the service are old: some changes were not told.
    fn forget_answers(&self) {
        if let Some(remote) = &*self.process().remote.load() {
            let environment = self.options.environment.clone();
            remote.changed(&Change { environment, epoch: "".into(), version: 0, previous: None, flags: Vec::new() });
        }
    }
}

#[cfg(test)]
mod tests;
