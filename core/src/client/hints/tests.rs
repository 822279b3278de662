use super::*;
use crate::client::Client;
use crate::value::Value;

fn client() -> Client {
    let document: Value = serde_json::from_str(r#"{"flags":{"f":{}}}"#).unwrap();
    Client::from_document(document, "development").unwrap()
}

fn hints() -> Hints {
    Hints::of(&Options::without_service("production")).unwrap()
}

fn moved(version: u64, previous: Option<u64>) -> Report {
    let change = Change { environment: "production".into(), epoch: "e".into(), version, previous, flags: vec!["f".into()] };
    Report { feed: "kafka", news: News::Moved(change, Some(now_ms() - 20)) }
}

fn bare() -> Report {
    let change = Change { environment: "production".into(), epoch: "".into(), version: 0, previous: None, flags: vec!["f".into()] };
    Report { feed: "kafka", news: News::Moved(change, None) }
}

/// Flaw 46: duplicates and late messages ask nothing, news does, and a gap is counted.
#[tokio::test(start_paused = true)]
async fn guide_flaw_46_only_news_makes_a_client_ask() {
    let (client, mut hints) = (client(), hints());
    let known = Some(("e", 5));
    hints.hear(&client.inner, moved(5, Some(4)), known, 0.0);
    hints.hear(&client.inner, moved(2, Some(1)), known, 0.0);
    assert!(hints.ask_at().is_none());
    hints.hear(&client.inner, moved(6, Some(5)), known, 0.5);
    assert_eq!(hints.ask_at(), Some(Instant::now() + SPREAD / 2));
    hints.hear(&client.inner, moved(9, Some(8)), known, 1.0);
    assert_eq!(hints.ask_at(), Some(Instant::now() + SPREAD / 2), "one question for all that comes meanwhile");
    let stats = client.stats().feeds;
    assert_eq!((stats[0].changes, stats[0].duplicates, stats[0].gaps), (2, 2, 1));
    hints.applied(&client.inner, "e", 9);
    assert!(hints.ask_at().is_none(), "it came another way");
    assert_eq!(client.stats().applied.iter().sum::<u64>(), 2, "each change that was told of is measured once");
    hints.hear(&client.inner, moved(9, Some(8)), Some(("other", 12)), 0.0);
    assert!(hints.ask_at().is_some(), "another epoch is news, whatever its number");
    hints.hear(&client.inner, bare(), known, 0.0);
    assert!(hints.ask_at().is_some());
}

/// Flaw 49: whoever can write to the topic can make a client ask now and then, and nothing else.
#[tokio::test(start_paused = true)]
async fn guide_flaw_49_a_flood_of_forged_events_is_a_question_now_and_then() {
    for forged in [bare as fn() -> Report, || moved(u64::MAX, None)] {
        let (client, mut hints) = (client(), hints());
        let known = Some(("e", 5));
        let mut questions = 0;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            for _ in 0..100 {
                hints.hear(&client.inner, forged(), known, 0.0);
            }
            if hints.ask_at().is_some_and(|at| at <= Instant::now()) {
                questions += 1;
                hints.asked(known, false);
            }
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert!((10..=25).contains(&questions), "{questions} questions in a minute for 600 000 events");
    }
}

/// A copy of the service that has not heard yet is asked again, not for ever.
#[tokio::test(start_paused = true)]
async fn a_version_that_was_told_of_is_asked_for_until_it_comes() {
    let (client, mut hints) = (client(), hints());
    hints.hear(&client.inner, moved(6, Some(5)), Some(("e", 5)), 0.0);
    hints.asked(Some(("e", 5)), false);
    assert_eq!(hints.ask_at(), Some(Instant::now() + LEAST_GAP));
    hints.asked(Some(("e", 6)), true);
    assert!(hints.ask_at().is_none() && hints.gap == LEAST_GAP);
    hints.hear(&client.inner, moved(1_000, Some(999)), Some(("e", 6)), 0.0);
    let asked = (0..100).take_while(|_| {
        hints.asked(Some(("e", 6)), false);
        hints.ask_at().is_some()
    });
    assert_eq!(asked.count(), PATIENCE as usize);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_one_warning_and_its_end_one_line() {
    let client = client();
    let mut feed = FeedStats::new("kafka");
    assert!(!feed.joined(), "the first time is no recovery");
    assert!(feed.away("gone".into()) && !feed.away("still gone".into()));
    assert!(feed.joined() && !feed.joined());
    assert!(feed.unreadable() && !feed.unreadable());
    assert_eq!((feed.joins, feed.unreadable, feed.is_up), (3, 2, true));
    let mut hints = hints();
    hints.hear(&client.inner, Report { feed: "kafka", news: News::Joined }, Some(("e", 5)), 0.0);
    assert!(hints.ask_at().is_some(), "what moved before it was there, nobody tells");
    hints.asked(Some(("e", 5)), false);
    hints.hear(&client.inner, Report { feed: "kafka", news: News::Gap }, Some(("e", 5)), 0.0);
    assert!(hints.ask_at().is_some());
}
