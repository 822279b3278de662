//! What a person is told about a document with mistakes in it, and what comes of one without.

use super::*;
use crate::ruleset::Problem;

fn problems(text: &str, syntax: Syntax) -> Vec<String> {
    match Document::parse(text, syntax) {
        Ok(document) => document.check(Some(1_795_305_600_000)).iter().map(ToString::to_string).collect(),
        Err(error) => error.message().lines().map(str::to_owned).collect(),
    }
}

/// The lines of a flag called `f`, as YAML, and the one problem that is expected of them.
fn mistake(flag: &str, expected: &str) {
    let text = format!("flags:\n  f: {flag}\n");
    let found = problems(&text, Syntax::Yaml);
    assert_eq!(found.len(), 1, "{flag}: {found:#?}");
    assert!(found[0].contains(expected), "{flag}\n  want {expected}\n  got  {}", found[0]);
}

#[test]
fn the_example_has_no_mistakes() {
    let text = include_str!("../../../../examples/flags.yaml");
    assert_eq!(problems(text, Syntax::Yaml), Vec::<String>::new());
}

#[test]
fn a_mistake_names_the_place_the_value_and_the_fix() {
    mistake("{ enabled: maybe }", "2:17: flags.f.enabled: has to be true or false, and \"maybe\" is neither");
    mistake("on", "2:6: flags.f: a flag has to be a map with type, enabled");
    mistake("{ enabeld: true }", "2:8: flags.f: a flag has no \"enabeld\"; did you mean \"enabled\"?");
    mistake("{ type: bool }", "there is no flag type \"bool\"; there is boolean, string, integer, double, json");
    mistake("{ type: string }", "a string flag needs variants");
    mistake("{ type: string, variants: { a: A } }", "fallthrough (a variant, or a rollout)");
    mistake("{ type: integer, variants: { a: 1.5 }, fallthrough: a }", "flags.f.variants.a: 1.5 is double, and the flag's type is integer");
    mistake("{ fallthrough: onn }", "flags.f.fallthrough: there is no variant \"onn\"; did you mean \"on\"?");
    mistake("{ fallthrough: 5 }", "has to be the name of a variant, and 5 is not");
    mistake("{ fallthrough: { rollout: { weights: { on: 25, off: 75 } } } }", "the weights sum to 100, want 100000 (or 100 % in all)");
    mistake("{ fallthrough: { rollout: { weights: { on: 12.5, off: 50000 } } } }", "12.5 is not a weight");
    mistake("{ targets: { on: [1.5] } }", "flags.f.targets.on[0]: has to be text, and 1.5 is not");
    mistake("{ rules: [{ percentage: 101 }] }", "flags.f.rules[0].percentage: 101 is not a percentage");
    mistake("{ rules: [{ percentage: 0.0005 }] }", "0.0005 is not a percentage");
    mistake("{ rules: [{ percentage: 5, rollout: { weights: { on: 100000 } }, serve: on }] }", "a rule has serve or rollout, not both");
    mistake("{ rules: [{ by: tenant }] }", "by belongs to a percentage");
    mistake("{ rules: [{ when: { attribute: a, equal: x } }] }", "a condition on an attribute has no \"equal\"; did you mean \"equals\"?");
    mistake("{ rules: [{ when: { attribute: a } }] }", "says nothing about a: it needs one of equals");
    mistake("{ rules: [{ when: { atribute: a, equals: x } }] }", "did you mean \"attribute\"?");
    mistake("{ rules: [{ when: { attribute: a, matches: '(x' } }] }", "the pattern \"(x\" is not one: unclosed group");
    mistake("{ rules: [{ when: { attribute: a, at_least: '5' } }] }", "compares numbers, and \"5\" is not one");
    mistake("{ rules: [{ when: { attribute: a, version_at_least: 1.10 } }] }", "1.1 is not a version: write \"1.4.2\" (in quotes");
    mistake("{ rules: [{ when: { attribute: a, before: soon } }] }", "\"soon\" is not a date");
    mistake("{ rules: [{ when: { attribute: a, in_network: 10.0.0 } }] }", "\"10.0.0\" is not a network");
    mistake("{ rules: [{ when: { segment: staf } }] }", "flags.f.rules[0].when: there is no segment \"staf\"");
    mistake("{ prerequisites: [{ flag: g }] }", "flags.f.prerequisites[0]: there is no flag \"g\"");
    mistake("{ prerequisites: [{ flag: f }] }", "depends on itself: flag \"f\" → flag \"f\"");
    mistake("{ schedule: { from: 2027-01-02, until: 2027-01-01 } }", "until has to be later than from");
    mistake("{ environments: { production: { type: string } } }", "an environment's settings has no \"type\"");
    mistake("{ expires: 2020-01-01 }", "the flag has outlived its date");
}

#[test]
fn all_mistakes_are_listed_at_once_in_the_order_of_their_places() {
    let text = "environments: [production]\nflags:\n  a: { enabled: 5 }\n  'b c': {}\n";
    let found = problems(text, Syntax::Yaml);
    assert!(found[0].starts_with("4:3: flags: \"b c\" is not a name"), "{found:?}");
    let text = "environments: [production]\nflags:\n  a:\n    enabled: 5\n    rules:\n      - { serve: up }\n  b: { environments: { prod: {} } }\n";
    let found = problems(text, Syntax::Yaml);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].starts_with("4:14: flags.a.enabled"));
    assert!(found[1].starts_with("6:18: flags.a.rules[0].serve: there is no variant \"up\""));
    assert!(found[2].starts_with("7:24: flags.b.environments.prod: there is no environment \"prod\"; there is production"));
}

#[test]
fn a_mistake_in_what_is_shared_is_told_once() {
    let text = "environments: [a, b]\nflags:\n  f:\n    rules: [{ serve: up }]\n    environments: { a: { enabled: true }, b: { fallthrough: down } }\n";
    let found = problems(text, Syntax::Yaml);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("4:22: flags.f.rules[0].serve"));
    assert!(found[1].contains("flags.f.environments.b.fallthrough: there is no variant \"down\""), "{found:#?}");
}

#[test]
fn json_and_toml_have_places_too() {
    let found = problems("{\n \"flags\": {\n  \"f\": { \"enabled\": 1 }\n }\n}", Syntax::Json);
    assert_eq!(found, ["3:21: flags.f.enabled: has to be true or false, and 1 is neither"]);
    let found = problems("[flags.f]\nenabled = 1\n", Syntax::Toml);
    assert_eq!(found, ["2:11: flags.f.enabled: has to be true or false, and 1 is neither"]);
    assert!(problems("{\"flags\": ", Syntax::Json)[0].starts_with("1:"));
    assert!(problems("flags: [", Syntax::Yaml)[0].contains(":"));
    assert!(problems("flags = [", Syntax::Toml)[0].starts_with("1:"));
}

#[test]
fn a_key_that_comes_twice_is_a_mistake() {
    assert_eq!(problems("flags:\n  f: {}\n  f: {}\n", Syntax::Yaml), ["3:3: the key \"f\" comes twice"]);
    assert!(problems("{\"flags\": {\"f\": {}, \"f\": {}}}", Syntax::Json)[0].contains("the key \"f\" comes twice"));
}

#[test]
fn cycles_are_told_with_their_way() {
    let text = "segments:\n  s: { when: { segment: t } }\n  t: { when: { segment: s } }\nflags:\n  a: { prerequisites: [{ flag: b }] }\n  b: { prerequisites: [{ flag: c }] }\n  c: { prerequisites: [{ flag: a }] }\n  d: { rules: [{ when: { segment: s } }] }\n";
    let found = problems(text, Syntax::Yaml);
    assert!(found.iter().any(|line| line.contains("flag \"a\" → flag \"b\" → flag \"c\" → flag \"a\"")), "{found:#?}");
    assert!(found.iter().any(|line| line.contains("segment \"s\" → segment \"t\" → segment \"s\"")), "{found:#?}");
    assert!(!found.iter().any(|line| line.contains("flags.d")), "{found:#?}");
}

#[test]
fn a_chain_longer_than_the_evaluator_follows_is_refused() {
    let chain = |length: usize| {
        let link = |at: usize| {
            if at == 0 { "  f0: {}\n".to_owned() } else { format!("  f{at}: {{ prerequisites: [{{ flag: f{} }}] }}\n", at - 1) }
        };
        format!("flags:\n{}", (0..=length).map(link).collect::<String>())
    };
    assert_eq!(problems(&chain(31), Syntax::Yaml), Vec::<String>::new());
    assert!(problems(&chain(40), Syntax::Yaml)[0].contains("longer than 31"));
    let document = Document::parse(&chain(31), Syntax::Yaml).unwrap();
    let snapshot = compile(&document.ruleset("development"), None);
    let answer = crate::eval::evaluate(&snapshot, "f31", "u".into(), &|| 0).unwrap();
    assert_eq!(answer.enabled(), Some(true));
}

#[test]
fn a_missing_variant_of_another_flag_is_a_mistake() {
    let text =
        "flags:\n  t: { type: string, variants: { dark: d }, fallthrough: dark }\n  f: { prerequisites: [{ flag: t, variant: drak }] }\n";
    assert_eq!(
        problems(text, Syntax::Yaml),
        ["3:32: flags.f.prerequisites[0]: flag \"t\" has no variant \"drak\"; did you mean \"dark\"?"]
    );
}

#[test]
fn documents_that_explode_are_refused() {
    let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..9 {
        text += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(","));
    }
    assert!(problems(&text, Syntax::Yaml)[0].contains("too large"));
    let deep = "[".repeat(200);
    assert!(!problems(&deep, Syntax::Yaml).is_empty());
}

#[test]
fn anchors_and_merges_work() {
    let text = "flags:\n  a: &a { enabled: false, owner: web }\n  b: { <<: *a, owner: app }\n";
    let document = Document::parse(text, Syntax::Yaml).unwrap();
    assert_eq!(document.check(None), Vec::<Problem>::new());
    let b = &document.flags()["b"];
    assert_eq!((b.get("owner").unwrap().as_str(), b.get("enabled").is_some()), (Some("app"), true));
}

#[test]
fn a_ruleset_holds_what_an_environment_sees_and_nothing_for_people() {
    let text = include_str!("../../../../examples/flags.yaml");
    let document = Document::parse(text, Syntax::Yaml).unwrap();
    let ruleset = document.ruleset("production");
    let doc = ruleset.flags["beta_features"].doc.get();
    assert!(doc.contains("\"enabled\":false") && !doc.contains("description") && !doc.contains("environments"), "{doc}");
    assert!(document.require_environment("prod").unwrap_err().message().contains("\"prod\""));
}

#[test]
fn affected_flags_are_those_that_depend_on_a_change() {
    let document = Document::parse(include_str!("../../../../examples/flags.yaml"), Syntax::Yaml).unwrap();
    let (flags, segments) = document.affected(&["new_ui".into()], &[]);
    assert_eq!(flags.iter().map(|name| &**name).collect::<Vec<_>>(), ["checkout_v2", "new_ui"]);
    assert!(segments.is_empty());
    let (flags, segments) = document.affected(&[], &["staff".into()]);
    assert_eq!(flags.iter().map(|name| &**name).collect::<Vec<_>>(), ["beta_features", "checkout_v2", "new_ui"]);
    assert_eq!(segments.iter().map(|name| &**name).collect::<Vec<_>>(), ["beta_testers", "staff"]);
}

#[test]
fn a_change_of_one_flag_compiles_one_flag() {
    let document = Document::parse(include_str!("../../../../examples/flags.yaml"), Syntax::Yaml).unwrap();
    let mut ruleset = document.ruleset("production");
    (ruleset.epoch, ruleset.version) = ("e".into(), 1);
    ruleset.flags.values_mut().chain(ruleset.segments.values_mut()).for_each(|entry| entry.version = 1);
    let before = compile(&ruleset, None);
    ruleset.version = 2;
    ruleset.flags.get_mut("new_ui").unwrap().version = 2;
    ruleset.flags.remove("theme");
    let after = compile(&ruleset, Some(&before));
    assert!(Arc::ptr_eq(before.flag("dark_mode").unwrap(), after.flag("dark_mode").unwrap()));
    assert!(!Arc::ptr_eq(before.flag("new_ui").unwrap(), after.flag("new_ui").unwrap()));
    assert!(after.flag("theme").is_none());
}

#[test]
fn a_delta_leads_to_the_snapshot_that_the_whole_ruleset_makes() {
    let document = Document::parse(include_str!("../../../../examples/flags.yaml"), Syntax::Yaml).unwrap();
    let mut old = document.ruleset("production");
    (old.epoch, old.version) = ("e".into(), 1);
    old.flags.values_mut().chain(old.segments.values_mut()).for_each(|entry| entry.version = 1);
    old.digest = old.digest();
    let mut new = old.clone();
    new.version = 2;
    let extra = new.flags["theme"].clone();
    new.flags.insert("extra".into(), Entry { version: 2, ..extra });
    new.flags.get_mut("new_ui").unwrap().version = 2;
    new.segments.get_mut("staff").unwrap().version = 2;
    new.flags.remove("theme");
    new.digest = new.digest();
    let delta = new.delta_from(&old);
    let before = compile(&old, None);
    let mut applied = old.clone();
    applied.apply(&delta).unwrap();
    let after = compile_after(&applied, &delta, &before);
    assert_eq!((&applied.digest, &applied.digest()), (&new.digest, &new.digest));
    let whole = compile(&new, None);
    assert_eq!((after.version, after.flag_count(), after.segment_count()), (2, whole.flag_count(), whole.segment_count()));
    for flag in whole.flags() {
        assert_eq!(
            format!("{:?}", after.flag(&flag.key).map(|flag| (flag.version, &flag.body))),
            format!("{:?}", Some((flag.version, &flag.body)))
        );
    }
    assert!(Arc::ptr_eq(before.flag("dark_mode").unwrap(), after.flag("dark_mode").unwrap()));
    // A delta that was tampered with, or that lost a part, is refused, and nothing is different for it.
    let mut wrong = delta.clone();
    wrong.put_flags.remove("extra");
    let mut unharmed = old.clone();
    assert!(unharmed.apply(&wrong).unwrap_err().message().contains("digest"));
    assert_eq!((unharmed.version, unharmed.digest()), (1, old.digest()));
}

#[test]
fn rules_about_one_attribute_are_looked_up() {
    let rule = |at: usize| {
        let more = if at.is_multiple_of(3) { r#","percentage":0"# } else { "" };
        format!(r#"{{"name":"r{at}","when":[{{"attribute":"tenant","in":["t{at}","t{}"]}}],"serve":"on"{more}}}"#, at + 1)
    };
    let rules = (0..60).map(rule).collect::<Vec<_>>().join(",");
    let last = r#"{"name":"last","when":{"attribute":"tenant","exists":true},"serve":"on"}"#;
    let text = format!(r#"{{"flags":{{"f":{{"rules":[{rules},{last}]}},"few":{{"rules":[{last},{last}]}}}}}}"#);
    let snapshot = compile_text(&text, Syntax::Json, "development").unwrap();
    let runs = |flag: &str| snapshot.flag(flag).unwrap().body.as_ref().unwrap().runs.clone();
    assert_eq!((format!("{:?}", runs("f")), format!("{:?}", runs("few"))), ("[0..60]".to_owned(), "[]".to_owned()));
    assert_eq!(runs("f").get().unwrap()[0].rules("t7"), [6, 7]);
    let decides = |tenant: Option<crate::Value>| {
        let context = crate::Context::new("u").unwrap();
        let context = tenant.into_iter().fold(context, |context, tenant| context.with("tenant", tenant).unwrap());
        let answer = crate::eval::evaluate(&snapshot, "f", context.view(), &|| 0).unwrap();
        answer.rule.and_then(|rule| rule.name.as_deref().map(str::to_owned))
    };
    // The third of them declines, so that the next one that may match has the word.
    for (tenant, rule) in [("t0", "last"), ("t1", "r1"), ("t3", "r2"), ("t4", "r4"), ("t60", "r59"), ("t61", "last")] {
        assert_eq!(decides(Some(tenant.into())).as_deref(), Some(rule), "{tenant}");
    }
    assert_eq!((decides(Some(7.into())).as_deref(), decides(None)), (Some("last"), None));
}
