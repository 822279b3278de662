//! The promises of the caches, over every order of events that a small world allows. `-- --nocapture` shows what was explored.

use jackstaff_model::{Found, Promise, Rules, Step, World};

fn explore(name: &str, world: World) -> Found {
    let found = world.explore();
    println!("{name}: {found}");
    found
}

fn is_sound(name: &str, world: World, at_least: usize) {
    let found = explore(name, world);
    assert_eq!(found.broken, None, "{found}");
    assert!(found.states >= at_least, "only {} states: the world is smaller than was meant", found.states);
}

#[test]
fn guide_flaw_23_its_protocol_serves_what_was_deleted() {
    let found = explore("the guide's protocol", World { ours: 0, lag: 0, ..World::STILL });
    assert_eq!(found.broken, Some(Promise::G1));
    let expected = [Step::GuideFetch(0), Step::Commit(true), Step::GuideHear(0, 1), Step::GuideStore, Step::GuideServe];
    assert_eq!(found.trace, expected, "{found}");
}

#[test]
fn one_client_beside_the_guides_on_one_redis() {
    is_sound("one client, two callers", World { callers: 2, ..World::STILL }, 1_000);
    is_sound("one client, three versions", World { versions: 3, ..World::STILL }, 1_000);
}

#[test]
fn two_clients_beside_the_guides_on_one_redis() {
    is_sound("two clients", World { ours: 2, versions: 1, ..World::STILL }, 1_000);
}

#[test]
fn what_is_served_is_right_but_for_lag_and_time_to_live() {
    is_sound("time", World { ticks: 4, versions: 1, ..World::STILL }, 1_000);
}

#[test]
fn a_store_restored_from_a_backup() {
    is_sound("two epochs", World { epochs: 2, guide: false, ..World::STILL }, 1_000);
}

#[test]
fn without_the_test_at_insertion_it_breaks() {
    let found = explore("no fill test", World { guide: false, rules: Rules { fill_test: false, ..Rules::OURS }, ..World::STILL });
    assert_eq!((found.broken, found.trace.len()), (Some(Promise::G1), 4), "{found}");
}

#[test]
fn trusting_entries_without_a_version_breaks_it() {
    let found = explore("unversioned entries trusted", World { rules: Rules { needs_version: false, ..Rules::OURS }, ..World::STILL });
    assert!(matches!(found.broken, Some(Promise::G1 | Promise::G2)), "{found}");
    assert!(found.trace.contains(&Step::GuideStore), "the guide's entry has to be the one that poisons: {found}");
}

#[test]
fn guide_flaw_33_age_from_insertion_breaks_it() {
    let rules = Rules { age_from_evaluation: false, ..Rules::OURS };
    let found = explore("age from insertion", World { ticks: 4, versions: 1, guide: false, rules, ..World::STILL });
    assert_eq!(found.broken, Some(Promise::G3), "{found}");
}

#[test]
fn dropping_all_knowledge_at_a_strange_epoch_breaks_it() {
    let rules = Rules { keeps_floors_in_doubt: false, ..Rules::OURS };
    let found = explore("everything dropped at an event of another epoch", World { epochs: 2, guide: false, rules, ..World::STILL });
    assert!(matches!(found.broken, Some(Promise::G1 | Promise::G2)), "{found}");
}
