//! Changes over Kafka: the topic `feature-flag-updates`, read without a consumer group.
//!
//! Every process wants every message, and wants none that is older than its snapshot. So there is nothing to commit, no group to coordinate
//! and to leave behind: joining asks for the end of each partition and reads from there; the client then asks the service for what it
//! has missed, and whatever is sent in between is read. The same heals everything else: an offset out of range, a topic that was deleted and
//! made again, a broker that came back with an empty log, a batch that cannot be unpacked. Each ends in an error, and the feed is joined anew at
//! the end.
//!
//! rskafka's own stream is not used: it steps over an offset out of range without a word, and waits for ever at an offset that a new
//! log has not reached yet. Here each answer's high watermark is held against our position.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;
use rskafka::client::error::{Error as KafkaError, RequestError};
use rskafka::client::partition::{OffsetAt, PartitionClient};
use rskafka::record::RecordAndOffset;
use tokio::time::{Instant, sleep_until, timeout};

use super::event::Reader;
use super::{Feed, News};
use crate::error::{Error, ErrorKind, Result};
use crate::kafka::{self, PATIENCE, Settings};

/// How long a broker may keep a question open when there is nothing new: what Kafka's own consumers say. Kafka answers as soon as there is something;
/// a broker that only looks again at the end of the wait (Tansu) makes it the delay of a change.
const WAIT_MS: i32 = 500;
/// How much it may answer at once: thousands of records of ours.
const MAX_BYTES: i32 = 1 << 20;
/// How often the topic's partitions are looked at. A new one is joined with all others.
const PARTITIONS: Duration = Duration::from_secs(300);

type Fetched = std::result::Result<(Vec<RecordAndOffset>, i64), KafkaError>;
type Fetch = BoxFuture<'static, (Arc<PartitionClient>, i64, Result<Fetched>)>;

/// The feed.
pub struct Kafka {
    settings: Settings,
    environment: Arc<str>,
    link: Option<Link>,
}

struct Link {
    client: Arc<rskafka::client::Client>,
    partitions: Vec<i32>,
    /// One question under way per partition.
    fetches: FuturesUnordered<Fetch>,
    reader: Reader,
    queue: VecDeque<News>,
    look_at: Instant,
    /// The question for the partitions, so that waiting for it holds up no message.
    look: Option<BoxFuture<'static, Result<Vec<i32>>>>,
}

impl Kafka {
    /// A feed of what concerns `environment`; connects when it is joined.
    pub fn new(settings: Settings, environment: Arc<str>) -> Self {
        Self { settings, environment, link: None }
    }
}

impl Feed for Kafka {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn join(&mut self) -> BoxFuture<'_, Result<()>> {
        async {
            self.link = None;
            let topic = self.settings.topic.clone();
            let client = kafka::connect(&self.settings).await?;
            let partitions = kafka::partitions(&client, &topic).await?;
            let fetches = FuturesUnordered::new();
            for partition in &partitions {
                let leader = Arc::new(kafka::partition(&client, &topic, *partition).await?);
                let what = format!("asking for the end of partition {partition} of topic \"{topic}\"");
                let end = kafka::bounded(&what, leader.get_offset(OffsetAt::Latest)).await?;
                fetches.push(fetch(leader, end));
            }
            let reader = Reader::new(self.environment.clone());
            let (queue, look_at) = (VecDeque::new(), Instant::now() + PARTITIONS);
            self.link = Some(Link { client: Arc::new(client), partitions, fetches, reader, queue, look_at, look: None });
            Ok(())
        }
        .boxed()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<News>> {
        async {
            let topic = self.settings.topic.clone();
            let Some(link) = &mut self.link else { return Err(Error::new(ErrorKind::Closed, "the Kafka feed is not joined")) };
            let heard = link.next(&topic).await;
            if heard.is_err() {
                self.link = None;
            }
            heard
        }
        .boxed()
    }
}

impl Link {
    async fn next(&mut self, topic: &Arc<str>) -> Result<News> {
        loop {
            if let Some(news) = self.queue.pop_front() {
                return Ok(news);
            }
            tokio::select! {
                Some((leader, position, fetched)) = self.fetches.next() => {
                    let position = match fetched? {
                        Err(error) if is_unreadable(&error) => self.step_over(topic, &leader, position, error).await?,
                        fetched => self.take(topic, leader.partition(), position, fetched)?,
                    };
                    self.fetches.push(fetch(leader, position));
                }
                found = async { match &mut self.look { Some(look) => look.await, None => std::future::pending().await } } => {
                    self.look = None;
                    if found? != self.partitions {
                        return Err(Error::new(ErrorKind::Unavailable, format!("topic \"{topic}\" has other partitions than before")));
                    }
                }
                () = sleep_until(self.look_at) => {
                    self.look_at = Instant::now() + PARTITIONS;
                    let (client, topic) = (self.client.clone(), topic.clone());
                    self.look = Some(async move { kafka::partitions(&client, &topic).await }.boxed());
                }
            }
        }
    }

    /// Goes on at the end of a partition whose next batch cannot be unpacked: compressed in a way that we do not have, or with the mark at the end
    /// of a transaction, which rskafka 0.6 misreads.
    async fn step_over(&mut self, topic: &str, leader: &PartitionClient, position: i64, error: KafkaError) -> Result<i64> {
        let what = format!("reading partition {} of topic \"{topic}\" at {position}", leader.partition());
        let end = kafka::bounded(&what, leader.get_offset(OffsetAt::Latest)).await?;
        if end <= position {
            return Err(kafka::explain(&what, error));
        }
        self.queue.extend([News::Unreadable, News::Gap]);
        Ok(end)
    }

    /// Takes what a partition brought and says where to read on.
    fn take(&mut self, topic: &str, partition: i32, position: i64, fetched: Fetched) -> Result<i64> {
        let (records, end) =
            fetched.map_err(|error| kafka::explain(&format!("reading partition {partition} of topic \"{topic}\" at {position}"), error))?;
        let next = match records.last() {
            Some(last) => last.offset + 1,
            // Something is there that is no record: what compaction left of a batch. It takes a place.
            None if end > position => position + 1,
            None => position,
        };
        for record in &records {
            let (gap, news) = self.reader.read(record.record.value.as_deref());
            self.queue.extend(gap);
            self.queue.push_back(news);
        }
        if end < position {
            return Err(Error::new(
                ErrorKind::Unavailable,
                format!("partition {partition} of topic \"{topic}\" ends at {end}, and we have read to {position}: its log was made anew"),
            ));
        }
        Ok(next)
    }
}

/// Is it the answer that cannot be read, and not the connection that broke?
fn is_unreadable(error: &KafkaError) -> bool {
    match error {
        KafkaError::Request(error) => {
            matches!(error, RequestError::ReadError(_) | RequestError::ReadVersionedError(_) | RequestError::TooMuchData { .. })
        }
        KafkaError::InvalidResponse(_) => true,
        _ => false,
    }
}

/// Asks a partition for what is there from `position` on; waits a while if that is nothing.
fn fetch(leader: Arc<PartitionClient>, position: i64) -> Fetch {
    async move {
        let patience = Duration::from_millis(WAIT_MS.unsigned_abs().into()) + PATIENCE;
        let fetched = timeout(patience, leader.fetch_records(position, 1..MAX_BYTES, WAIT_MS)).await;
        let fetched = fetched.map_err(|_| Error::new(ErrorKind::Timeout, format!("Kafka did not answer within {patience:?}")));
        (leader, position, fetched)
    }
    .boxed()
}
