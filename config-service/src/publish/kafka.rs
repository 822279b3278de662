//! Kafka as an outlet: the topic `feature-flag-updates`, keyed by environment, one record per flag.
//!
//! One batch is in flight at a time and every in-sync replica has it before the next (`acks=all`), so the order of the topic is the order of
//! the versions. No transactions and no idempotent producer: a batch that is sent twice after a lost answer carries versions that readers
//! know. Whatever fails closes the connection; the relay comes back with the same moves.

use std::collections::{BTreeMap, HashMap};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jackstaff::kafka::{self, Settings, partition_of};
use rskafka::chrono::{DateTime, Utc};
use rskafka::client::Client;
use rskafka::client::partition::{Compression, PartitionClient};
use rskafka::record::Record;

use super::event::records;
use super::relay::Outlet;
use crate::store::Unsent;

/// The most records in one request: about half a megabyte, where brokers take one.
const MAX_RECORDS: usize = 500;

/// The way to the topic.
pub struct Kafka {
    settings: Settings,
    link: Option<Link>,
}

struct Link {
    client: Client,
    partitions: Vec<i32>,
    leaders: HashMap<i32, PartitionClient>,
}

impl Kafka {
    /// Connects with the first moves.
    pub fn new(settings: Settings) -> Self {
        Self { settings, link: None }
    }

    async fn try_send(&mut self, moves: &[Unsent]) -> Result<(), String> {
        if self.link.is_none() {
            self.link = Some(join(&self.settings).await?);
        }
        let Some(link) = &mut self.link else { return Ok(()) };
        let topic = &*self.settings.topic;
        // An environment's records stay in one partition and in their order; different partitions have no order among them.
        let mut by_partition: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
        for unsent in moves {
            let at = partition_of(unsent.change.environment.as_bytes(), link.partitions.len());
            let Some(partition) = link.partitions.get(at) else { return Err(format!("Kafka topic \"{topic}\" has no partitions")) };
            let timestamp = DateTime::<Utc>::from_timestamp_millis(unsent.at).unwrap_or_default();
            for event in records(unsent) {
                let value = serde_json::to_vec(&event).map_err(|error| error.to_string())?;
                let key = Some(unsent.change.environment.as_bytes().to_vec());
                let record = Record { key, value: Some(value), headers: BTreeMap::new(), timestamp };
                by_partition.entry(*partition).or_default().push(record);
            }
        }
        for (partition, mut records) in by_partition {
            if !link.leaders.contains_key(&partition) {
                let leader = kafka::partition(&link.client, topic, partition).await.map_err(|error| error.to_string())?;
                link.leaders.insert(partition, leader);
            }
            let Some(leader) = link.leaders.get(&partition) else { continue };
            while !records.is_empty() {
                let rest = records.split_off(records.len().min(MAX_RECORDS));
                let sent = leader.produce(std::mem::replace(&mut records, rest), Compression::NoCompression);
                let what = format!("sending to partition {partition} of Kafka topic \"{topic}\"");
                kafka::bounded(&what, sent).await.map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }
}

impl Outlet for Kafka {
    fn send<'a>(&'a mut self, moves: &'a [Unsent]) -> BoxFuture<'a, Result<(), String>> {
        async {
            // Taken out meanwhile, so that a send that is given up halfway leaves no connection in doubt.
            let sent = self.try_send(moves).await;
            if sent.is_err() {
                self.link = None;
            }
            sent
        }
        .boxed()
    }
}

/// Connects, and makes the topic if there is none: one partition, since a topic of a few records an hour needs no more, and the cluster's own
/// replication factor.
async fn join(settings: &Settings) -> Result<Link, String> {
    let text = |error: jackstaff::Error| error.to_string();
    let client = kafka::connect(settings).await.map_err(text)?;
    let partitions = match kafka::partitions(&client, &settings.topic).await {
        Err(error) if error.kind() == jackstaff::ErrorKind::NotFound => {
            let controller = client.controller_client().map_err(|error| error.to_string())?;
            let what = format!("making Kafka topic \"{}\"", settings.topic);
            kafka::bounded(&what, controller.create_topic(&*settings.topic, 1, -1, 5_000)).await.map_err(text)?;
            tracing::info!(topic = &*settings.topic, "made the Kafka topic");
            kafka::partitions(&client, &settings.topic).await.map_err(text)?
        }
        found => found.map_err(text)?,
    };
    Ok(Link { client, partitions, leaders: HashMap::new() })
}
