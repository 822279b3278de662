use crate::context::{Attributes, Context};
use crate::eval::{Answer, evaluate};
use crate::evaluation::{ErrorCode, Reason};
use crate::ir::Snapshot;
use crate::ruleset::{Node, Syntax};
use crate::value::Value;

use super::{Dialect, FORMAT};

fn compile(text: &str) -> Snapshot {
    (FORMAT.compile)(text, Syntax::Json, "production").unwrap()
}

fn context(key: Option<&str>, attributes: &str) -> Context {
    let Value::Map(entries) = serde_json::from_str(attributes).unwrap() else { panic!("attributes are a map") };
    let context = key.map_or_else(Context::anonymous, |key| Context::new(key).unwrap());
    context.with_attributes(Attributes::new(entries.iter().cloned()).unwrap())
}

/// The variant served, or the word for having none.
fn served(snapshot: &Snapshot, flag: &str, context: &Context, now: i64) -> String {
    match evaluate(snapshot, flag, context.view(), &|| now) {
        Ok(Answer { variant: Some(variant), .. }) => variant.key.to_string(),
        Ok(_) => "default".to_owned(),
        Err(code) => code.as_str().to_owned(),
    }
}

fn reason(snapshot: &Snapshot, flag: &str, context: &Context) -> &'static str {
    (FORMAT.reason)(&evaluate(snapshot, flag, context.view(), &|| 0))
}

/// A document of one flag `f` with variations `a` and `b`, for one house.
fn one(dialect: Dialect, allocations: &str) -> Snapshot {
    let total = if dialect == Dialect::Eppo { r#","totalShards":10000"# } else { "" };
    let text = format!(
        r#"{{"flags":{{"f":{{"key":"f","enabled":true,"variationType":"STRING",
        "variations":{{"a":{{"key":"a","value":"A"}},"b":{{"key":"b","value":"B"}}}},"allocations":{allocations}{total}}}}}}}"#
    );
    let document = Node::from_json(&text).unwrap();
    super::compile(&document, dialect, "production").unwrap()
}

/// A flag whose only allocation serves `a` where the condition holds.
fn when(dialect: Dialect, condition: &str) -> Snapshot {
    let allocations =
        format!(r#"[{{"key":"only","rules":[{{"conditions":[{condition}]}}],"splits":[{{"variationKey":"a","shards":[]}}]}}]"#);
    one(dialect, &allocations)
}

#[test]
fn a_house_is_known_by_what_only_it_writes() {
    let of = |text: &str| Dialect::of(&Node::from_json(text).unwrap());
    assert_eq!(of(r#"{"flags":{"f":{"totalShards":10}}}"#), Dialect::Eppo);
    assert_eq!(of(r#"{"flags":{"f":{"allocations":[{"splits":[{"shards":[{"totalShards":10}]}]}],"totalShards":1}}}"#), Dialect::Datadog);
    assert_eq!(of(r#"{"flags":{"f":{"variationType":"JSON","variations":{"a":{"value":"{}"}}}}}"#), Dialect::Eppo);
    assert_eq!(of(r#"{"flags":{"f":{"variationType":"JSON","variations":{"a":{"value":{}}}}}}"#), Dialect::Datadog);
    assert_eq!(of(r#"{"flags":{"f":"not a flag","g":{"allocations":7}}}"#), Dialect::Datadog);
}

#[test]
fn a_document_that_is_none_is_refused_with_its_reason() {
    let refuse = |text: &str| (FORMAT.compile)(text, Syntax::Json, "production").unwrap_err().to_string();
    assert!(refuse("{}").contains("has no \"flags\""), "{}", refuse("{}"));
    let client = r#"{"format":"CLIENT","flags":{}}"#;
    assert!(refuse(client).contains("\"CLIENT\""), "{}", refuse(client));
    assert!(!refuse("{\"flags\":").is_empty());
}

#[test]
fn datadogs_old_envelope_is_opened() {
    let snapshot = compile(
        r#"{"data":{"type":"x","id":"1","attributes":{"flags":{"f":{"key":"f","enabled":true,"variationType":"BOOLEAN",
        "variations":{"on":{"key":"on","value":true}},"allocations":[{"key":"all","splits":[{"variationKey":"on","shards":[]}]}]}}}}}"#,
    );
    assert_eq!(served(&snapshot, "f", &context(Some("u"), "{}"), 0), "on");
}

#[test]
fn conditions_hold_for_the_attributes_they_should() {
    let rows = [
        (r#""MATCHES","value":"^ab?c""#, r#""acme""#, true),
        (r#""MATCHES","value":"b""#, r#""abc""#, true),
        (r#""MATCHES","value":"^1\\.5$""#, "1.5", true),
        (r#""MATCHES","value":"^3$""#, "3.0", true),
        (r#""MATCHES","value":"true""#, "true", true),
        (r#""NOT_MATCHES","value":"x""#, r#""abc""#, true),
        (r#""NOT_MATCHES","value":"x""#, "null", false),
        (r#""NOT_MATCHES","value":"x""#, r#"["y"]"#, false),
        (r#""ONE_OF","value":["US","true","3"]"#, r#""US""#, true),
        (r#""ONE_OF","value":["US","true","3"]"#, r#""us""#, false),
        (r#""ONE_OF","value":["US","true","3"]"#, "true", true),
        (r#""ONE_OF","value":["US","true","3"]"#, "3", true),
        (r#""ONE_OF","value":["US","true","3"]"#, "3.0", true),
        (r#""ONE_OF","value":["US","true","3"]"#, "3.5", false),
        (r#""ONE_OF","value":["US"]"#, "null", false),
        (r#""NOT_ONE_OF","value":["US"]"#, r#""DE""#, true),
        (r#""NOT_ONE_OF","value":["US"]"#, "null", false),
        (r#""IS_NULL","value":true"#, "null", true),
        (r#""IS_NULL","value":true"#, r#""""#, false),
        (r#""IS_NULL","value":false"#, "0", true),
        (r#""GTE","value":10"#, "10", true),
        (r#""GTE","value":10"#, r#""10.0""#, true),
        (r#""GT","value":10"#, "10", false),
        (r#""LT","value":10.5"#, "10", true),
        (r#""LTE","value":10"#, "10.01", false),
        (r#""LT","value":10"#, r#""a few""#, false),
        (r#""LT","value":10"#, "true", false),
        (r#""LT","value":10"#, "null", false),
    ];
    for dialect in [Dialect::Eppo, Dialect::Datadog] {
        for (condition, attribute, holds) in rows {
            let snapshot = when(dialect, &format!(r#"{{"attribute":"x","operator":{condition}}}"#));
            let context = context(Some("u"), &format!(r#"{{"x":{attribute}}}"#));
            let expected = if holds { "a" } else { "default" };
            assert_eq!(served(&snapshot, "f", &context, 0), expected, "{dialect:?}: {condition} of {attribute}");
        }
    }
}

#[test]
fn a_missing_attribute_fails_all_but_the_question_for_it() {
    for (condition, holds) in [
        (r#""ONE_OF","value":["US"]"#, false),
        (r#""NOT_ONE_OF","value":["US"]"#, false),
        (r#""NOT_MATCHES","value":"US""#, false),
        (r#""LT","value":10"#, false),
        (r#""IS_NULL","value":true"#, true),
        (r#""IS_NULL","value":false"#, false),
    ] {
        let snapshot = when(Dialect::Eppo, &format!(r#"{{"attribute":"x","operator":{condition}}}"#));
        assert_eq!(served(&snapshot, "f", &context(Some("u"), "{}"), 0) == "a", holds, "{condition}");
    }
}

#[test]
fn a_literal_version_compares_versions_only_for_eppo() {
    let condition = r#"{"attribute":"v","operator":"GTE","value":"1.5.0"}"#;
    let eppo = when(Dialect::Eppo, condition);
    for (version, holds) in [("1.13.0", true), ("1.5.0", true), ("1.5.0-beta", false), ("1.6", false), ("v1.6.0", false)] {
        let context = context(Some("u"), &format!(r#"{{"v":"{version}"}}"#));
        assert_eq!(served(&eppo, "f", &context, 0) == "a", holds, "{version}");
    }
    let datadog = when(Dialect::Datadog, condition);
    assert_eq!(served(&datadog, "f", &context(Some("u"), r#"{"v":"1.6.0"}"#), 0), "malformed_flag");
    let semver = r#"{"attribute":"v","operator":"SEMVER_GTE","value":"1.5.0"}"#;
    assert_eq!(served(&when(Dialect::Datadog, semver), "f", &context(Some("u"), r#"{"v":"1.13.0"}"#), 0), "a");
    assert_eq!(served(&when(Dialect::Eppo, semver), "f", &context(Some("u"), r#"{"v":"1.13.0"}"#), 0), "default");
    let text_number = when(Dialect::Eppo, r#"{"attribute":"v","operator":"GT","value":"1.5"}"#);
    assert_eq!(served(&text_number, "f", &context(Some("u"), r#"{"v":2}"#), 0), "a");
}

#[test]
fn a_bad_condition_is_false_to_eppo_and_spoils_the_flag_for_datadog() {
    for condition in [
        r#""GREASE","value":1"#,
        r#""MATCHES","value":"(""#,
        r#""MATCHES","value":"(?=look)""#,
        r#""ONE_OF","value":"US""#,
        r#""ONE_OF","value":[1]"#,
        r#""IS_NULL","value":"true""#,
        r#""LT","value":"soon""#,
        r#""LT""#,
    ] {
        let rest = r#"{"key":"rest","splits":[{"variationKey":"b","shards":[]}]}"#;
        let allocations = format!(
            r#"[{{"key":"bad","rules":[{{"conditions":[{{"attribute":"x","operator":{condition}}}]}}],"splits":[{{"variationKey":"a","shards":[]}}]}},{rest}]"#
        );
        let someone = context(Some("u"), r#"{"x":1}"#);
        assert_eq!(served(&one(Dialect::Eppo, &allocations), "f", &someone, 0), "b", "{condition}");
        let datadog = one(Dialect::Datadog, &allocations);
        assert_eq!(served(&datadog, "f", &someone, 0), "malformed_flag", "{condition}");
        assert_eq!(reason(&datadog, "f", &someone), "DEFAULT");
    }
}

#[test]
fn the_subject_is_the_attribute_id_unless_there_is_one() {
    let condition = r#"{"attribute":"id","operator":"ONE_OF","value":["zach"]}"#;
    let snapshot = when(Dialect::Eppo, condition);
    assert_eq!(served(&snapshot, "f", &context(Some("zach"), "{}"), 0), "a");
    assert_eq!(served(&snapshot, "f", &context(Some("zach"), r#"{"id":"other"}"#), 0), "default");
    assert_eq!(served(&snapshot, "f", &context(Some("zach"), r#"{"id":null}"#), 0), "default");
    let is_null = when(Dialect::Eppo, r#"{"attribute":"id","operator":"IS_NULL","value":true}"#);
    assert_eq!(served(&is_null, "f", &context(Some("zach"), r#"{"id":null}"#), 0), "a");
    assert_eq!(served(&is_null, "f", &context(Some("zach"), "{}"), 0), "default");
}

#[test]
fn an_allocation_whose_splits_all_miss_is_passed_over() {
    // md5("s-u674")'s first four bytes are 2500 modulo 10000: just outside.
    let allocations = |shards: &str| {
        format!(
            r#"[{{"key":"first","splits":[{{"variationKey":"a","shards":{shards}}}]}},
            {{"key":"second","splits":[{{"variationKey":"b","shards":[]}}]}}]"#
        )
    };
    let subject = context(Some("u674"), "{}");
    let shard = |ranges: &str| format!(r#"{{"salt":"s","totalShards":10000,"ranges":[{ranges}]}}"#);
    let outside = shard(r#"{"start":0,"end":2500}"#);
    let inside = shard(r#"{"start":0,"end":10},{"start":2500,"end":2501}"#);
    for dialect in [Dialect::Eppo, Dialect::Datadog] {
        assert_eq!(served(&one(dialect, &allocations(&format!("[{outside}]"))), "f", &subject, 0), "b");
        assert_eq!(served(&one(dialect, &allocations(&format!("[{inside}]"))), "f", &subject, 0), "a");
        assert_eq!(served(&one(dialect, &allocations(&format!("[{inside},{outside}]"))), "f", &subject, 0), "b", "all shards must hold");
        assert_eq!(served(&one(dialect, &allocations(&format!("[{}]", shard("")))), "f", &subject, 0), "b", "no range holds nobody");
    }
}

#[test]
fn a_missing_targeting_key_is_an_error_only_where_a_hash_is_needed() {
    let split = |range: &str| {
        format!(r#"[{{"key":"k","splits":[{{"variationKey":"a","shards":[{{"salt":"s","totalShards":100,"ranges":[{range}]}}]}}]}}]"#)
    };
    let nobody = context(None, "{}");
    let half = one(Dialect::Datadog, &split(r#"{"start":0,"end":50}"#));
    assert_eq!(served(&half, "f", &nobody, 0), "targeting_key_missing");
    assert_eq!(reason(&half, "f", &nobody), "ERROR");
    assert!(["a", "default"].contains(&served(&half, "f", &context(Some(""), "{}"), 0).as_str()), "an empty key is a key");
    let whole = one(Dialect::Datadog, &split(r#"{"start":0,"end":100}"#));
    assert_eq!(served(&whole, "f", &nobody, 0), "a");
    assert_eq!(reason(&whole, "f", &nobody), "STATIC");
}

#[test]
fn dates_are_inclusive_and_rounded_inwards() {
    let dated = |dates: &str| one(Dialect::Datadog, &format!(r#"[{{"key":"k",{dates},"splits":[{{"variationKey":"a","shards":[]}}]}}]"#));
    let anyone = context(Some("u"), "{}");
    let at = |snapshot: &Snapshot, now| served(snapshot, "f", &anyone, now) == "a";
    let start = dated(r#""startAt":"1970-01-01T00:00:01.000Z""#);
    assert_eq!([at(&start, 999), at(&start, 1000)], [false, true]);
    let fine_start = dated(r#""startAt":"1970-01-01T00:00:01.000001Z","endAt":null"#);
    assert_eq!([at(&fine_start, 1000), at(&fine_start, 1001)], [false, true]);
    let end = dated(r#""endAt":"1970-01-01T01:00:01.000999+01:00""#);
    assert_eq!([at(&end, 1000), at(&end, 1001)], [true, false]);
    let past = dated(r#""startAt":"1969-12-31T23:59:59.9995Z""#);
    assert_eq!([at(&past, -1), at(&past, 0)], [false, true]);
    assert_eq!(served(&dated(r#""startAt":"soon""#), "f", &anyone, 0), "malformed_flag");
}

#[test]
fn reasons_are_openfeatures() {
    let shard = r#"{"salt":"s","totalShards":10,"ranges":[{"start":0,"end":5},{"start":5,"end":10}]}"#;
    let split = |shards: &str| format!(r#""splits":[{{"variationKey":"a","shards":[{shards}]}}]"#);
    let rules = r#""rules":[{"conditions":[]}]"#;
    let date = r#""startAt":"1960-01-01T00:00:00Z""#;
    let anyone = context(Some("u"), "{}");
    for (allocation, expected, ours) in [
        (split(""), "STATIC", Reason::Fallthrough),
        (split(shard), "SPLIT", Reason::Rollout),
        (format!("{date},{}", split("")), "DEFAULT", Reason::Fallthrough),
        (format!("{date},{}", split(shard)), "SPLIT", Reason::Rollout),
        (format!("{rules},{}", split("")), "TARGETING_MATCH", Reason::RuleMatched),
        (format!("{rules},{date},{}", split(shard)), "TARGETING_MATCH", Reason::Rollout),
    ] {
        let snapshot = one(Dialect::Datadog, &format!(r#"[{{"key":"k",{allocation}}}]"#));
        assert_eq!(reason(&snapshot, "f", &anyone), expected, "{allocation}");
        assert_eq!(evaluate(&snapshot, "f", anyone.view(), &|| 0).unwrap().reason, ours, "{allocation}");
    }
    let none = one(Dialect::Datadog, "[]");
    assert_eq!(reason(&none, "f", &anyone), "DEFAULT");
    assert_eq!(reason(&none, "nobody", &anyone), "ERROR");
    let off = compile(r#"{"flags":{"f":{"key":"f","enabled":false,"variationType":"STRING","variations":{},"allocations":[]}}}"#);
    assert_eq!(reason(&off, "f", &anyone), "DISABLED");
}

#[test]
fn a_wrong_or_dangling_variation_harms_only_those_who_get_it_at_eppo() {
    let flag = |total: &str| {
        format!(
            r#"{{"flags":{{"f":{{"key":"f","enabled":true,"variationType":"INTEGER","variations":{{"one":{{"key":"one","value":1.0}},
            "pi":{{"key":"pi","value":3.14}}}},"allocations":[
            {{"key":"x","rules":[{{"conditions":[{{"attribute":"x","operator":"ONE_OF","value":["pi"]}}]}}],"splits":[{{"variationKey":"pi","shards":[]}}]}},
            {{"key":"y","rules":[{{"conditions":[{{"attribute":"x","operator":"ONE_OF","value":["gone"]}}]}}],"splits":[{{"variationKey":"gone","shards":[]}}]}},
            {{"key":"z","splits":[{{"variationKey":"one","shards":[]}}]}}]{total}}},
            "good":{{"key":"good","enabled":true,"variationType":"INTEGER","variations":{{"n":{{"key":"n","value":7}}}},
            "allocations":[{{"key":"k","splits":[{{"variationKey":"n","shards":[]}}]}}]{total}}}}}}}"#
        )
    };
    let eppo = compile(&flag(r#","totalShards":100"#));
    assert_eq!(served(&eppo, "f", &context(Some("u"), r#"{"x":"pi"}"#), 0), ErrorCode::TypeMismatch.as_str());
    assert_eq!(served(&eppo, "f", &context(Some("u"), r#"{"x":"gone"}"#), 0), ErrorCode::MalformedFlag.as_str());
    let answer = context(Some("u"), "{}");
    let answer = evaluate(&eppo, "f", answer.view(), &|| 0).unwrap();
    assert!(matches!(answer.value, Some(Value::Int(1))), "1.0 is an integer: {:?}", answer.value);
    let datadog = compile(&flag(""));
    assert_eq!(served(&datadog, "f", &context(Some("u"), "{}"), 0), "malformed_flag");
    assert_eq!(served(&datadog, "good", &context(Some("u"), "{}"), 0), "n", "the neighbour is unharmed");
}

#[test]
fn what_cannot_be_read_names_itself() {
    let message = |flag: &str| {
        let snapshot = compile(&format!(r#"{{"flags":{{"f":{flag}}}}}"#));
        snapshot.flag("f").unwrap().body.as_ref().unwrap_err().message.to_string()
    };
    let shell = |allocations: &str| {
        format!(r#"{{"key":"f","enabled":true,"variationType":"STRING","variations":{{}},"allocations":{allocations}}}"#)
    };
    for (flag, words) in [
        ("7".to_owned(), "the flag is 7"),
        (r#"{"variationType":"DATE"}"#.to_owned(), "\"DATE\""),
        (shell("\"none\""), "\"allocations\" is \"none\", want a list"),
        (shell("[{}]"), "\"key\" is missing"),
        (shell(r#"[{"key":"k","splits":[{"shards":[],"variationKey":"v"}]}]"#), "allocation \"k\": \"variationKey\" is \"v\""),
    ] {
        let message = message(&flag);
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn json_variations_are_text_at_eppo_and_json_at_datadog() {
    let flag = |value: &str, total: &str| {
        let snapshot = compile(&format!(
            r#"{{"flags":{{"f":{{"key":"f","enabled":true,"variationType":"JSON","variations":{{"v":{{"key":"v","value":{value}}}}},
            "allocations":[{{"key":"k","splits":[{{"variationKey":"v","shards":[]}}]}}]{total}}}}}}}"#
        ));
        let nobody = Context::anonymous();
        evaluate(&snapshot, "f", nobody.view(), &|| 0).map(|answer| answer.value.map(Value::to_json))
    };
    assert_eq!(flag(r#""{\"n\": 1}""#, r#","totalShards":1"#), Ok(Some(r#"{"n":1}"#.to_owned())));
    assert_eq!(flag(r#""{broken""#, r#","totalShards":1"#), Err(ErrorCode::TypeMismatch));
    assert_eq!(flag(r#"{"n":1}"#, ""), Ok(Some(r#"{"n":1}"#.to_owned())));
}
