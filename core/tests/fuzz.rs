//! Flags that nobody would write, asked by contexts that nobody has: no panic, one answer whichever way it is asked, and the same again.
//!
//! The evaluator has short ways for everyday conditions, flags are read in three ways, and a client answers in four. A trace takes none of
//! the short ways, so it is what the others are held against. Each run draws anew; `JACKSTAFF_FUZZ_SEED` repeats one, and `JACKSTAFF_FUZZ_ROUNDS` makes
//! it longer (150).

#![allow(clippy::unwrap_used)] // clippy knows test functions, not the helpers beside them

use std::hash::{BuildHasher, RandomState};

use jackstaff::eval::{Answer, evaluate, explain};
use jackstaff::evaluation::ErrorCode;
use jackstaff::format::FORMATS;
use jackstaff::format::native::{Document, compile, compile_sent, compile_sent_json};
use jackstaff::ruleset::{Node, Ruleset, Syntax};
use jackstaff::{Client, Context, Value, ValueType};

/// The moment of every check: schedules and ramps are drawn around it.
const NOW: i64 = 1_795_305_600_000;
const FLAGS: usize = 8;

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn some(&mut self, most: usize, mut each: impl FnMut(&mut Self) -> String) -> String {
        let count = self.below(most + 1);
        (0..count).map(|_| each(self)).collect::<Vec<_>>().join(",")
    }
}

const ATTRIBUTES: &[&str] =
    &["plan", "country", "appVersion", "seats", "tags", "born", "email", "ip", "nested", "a", "attribute_with_a_long_name", "user_id"];
const TEXTS: &[&str] = &[
    "\"pro\"",
    "\"PRO\"",
    "\"free\"",
    "\"DE\"",
    "\"AT\"",
    "\"d\"",
    "\"\"",
    "\"1.2.3\"",
    "\"v2\"",
    "\"1.2.3-rc.1\"",
    "\"2027-03-01\"",
    "\"10.0.0.7\"",
    "\"u-1\"",
    "\"seven77\"",
    "\"eight888\"",
    "\"sixteen sixteen!\"",
    "\"seventeen letters\"",
    "\"ä\\u00f6\\n\"",
    "\"a@shop.example\"",
    "\"1234567890123456789.1\"",
    "\"7\"",
];
const SCALARS: &[&str] = &["true", "false", "0", "1", "7", "-3", "2.5", "1e300", "9007199254740993", "null", "100000"];
const VARIANTS: &[&str] = &["\"on\"", "\"off\"", "\"on\"", "\"off\"", "\"on\"", "\"off\"", "\"on\"", "\"off\"", "\"on\"", "\"a\"", "true"];

fn scalar(dice: &mut Dice) -> String {
    if dice.below(3) > 0 { dice.one(TEXTS) } else { dice.one(SCALARS) }.to_owned()
}

fn value(dice: &mut Dice, depth: usize) -> String {
    match dice.below(if depth > 2 { 6 } else { 8 }) {
        6 => format!("[{}]", dice.some(4, |dice| value(dice, depth + 1))),
        7 => format!("{{{}}}", dice.some(3, |dice| format!("\"{}\":{}", dice.one(ATTRIBUTES), value(dice, depth + 1)))),
        _ => scalar(dice),
    }
}

/// Mostly what the operator wants.
fn operand(dice: &mut Dice, operator: &str) -> String {
    if dice.below(60) == 0 {
        return value(dice, 0);
    }
    match operator {
        "less_than" | "at_most" | "greater_than" | "at_least" => dice.one(&["0", "7", "-3", "2.5", "9007199254740993"]).to_owned(),
        "before" | "after" => dice.one(&["\"2027-03-01\"", "\"2026-11-22T00:00:00Z\"", "1795305600000"]).to_owned(),
        "exists" => dice.one(&["true", "false"]).to_owned(),
        "matches" => dice.one(&["\"^p\"", "\"o$\"", "\"[a-z]+@\"", "\"\""]).to_owned(),
        "in_network" => dice.one(&["\"10.0.0.0/8\"", "[\"192.0.2.7\",\"2001:db8::/32\"]"]).to_owned(),
        _ if operator.starts_with("version") => dice.one(&["\"1.2.3\"", "\"v2\"", "\"1.2.3-rc.1\"", "\"0\""]).to_owned(),
        _ if operator.ends_with("with") || operator == "contains" => dice.one(TEXTS).to_owned(),
        _ if dice.below(2) == 0 => dice.one(TEXTS).to_owned(),
        _ => format!("[{}]", dice.some(12, scalar).replace("null", "1")),
    }
}

fn condition(dice: &mut Dice, depth: usize) -> String {
    match dice.below(if depth > 3 { 8 } else { 12 }) {
        8 => format!("[{}]", dice.some(4, |dice| condition(dice, depth + 1))),
        9 => format!("{{\"{}\":[{}]}}", dice.one(&["all", "any"]), dice.some(4, |dice| condition(dice, depth + 1))),
        10 => format!("{{\"not\":{}}}", condition(dice, depth + 1)),
        11 => match dice.below(3) {
            0 => format!("{{\"segment\":\"s{}\"}}", dice.below(4)),
            1 => format!("{{\"flag\":\"f{}\",\"variant\":\"{}\"}}", dice.below(FLAGS + 1), dice.one(&["on", "off", "on", "a"])),
            _ => format!("{{\"flag\":\"f{}\",\"enabled\":{}}}", dice.below(FLAGS + 1), dice.one(&["true", "false"])),
        },
        _ => {
            let operator = dice.one(&[
                "equals",
                "not_equals",
                "in",
                "not_in",
                "starts_with",
                "ends_with",
                "contains",
                "matches",
                "less_than",
                "at_most",
                "greater_than",
                "at_least",
                "before",
                "after",
                "version_equals",
                "version_less_than",
                "version_at_most",
                "version_greater_than",
                "version_at_least",
                "contains_any",
                "contains_all",
                "contains_none",
                "in_network",
                "exists",
            ]);
            let attribute = match dice.below(8) {
                0 => "\"nested.a\"".to_owned(),
                1 => "[\"nested\",\"plan\"]".to_owned(),
                2 => "\"tags.0\"".to_owned(),
                _ => format!("\"{}\"", dice.one(ATTRIBUTES)),
            };
            let fold = if dice.below(6) == 0 { ",\"ignore_case\":true" } else { "" };
            format!("{{\"attribute\":{attribute},\"{operator}\":{}{fold}}}", operand(dice, operator))
        }
    }
}

fn percentage(dice: &mut Dice) -> String {
    match dice.below(20) {
        0 => "101",
        _ => dice.one(&["0", "25", "50", "\"12.5%\"", "100", "{\"start\":\"2026-11-01\",\"end\":\"2026-12-24\"}"]),
    }
    .to_owned()
}

fn rule(dice: &mut Dice) -> String {
    let mut parts = vec![];
    if dice.below(4) > 0 {
        parts.push(format!("\"when\":{}", condition(dice, 0)));
    }
    match dice.below(4) {
        0 => parts.push(format!(
            "\"rollout\":{{\"weights\":{}}}",
            dice.one(&["{\"on\":25000,\"off\":75000}", "{\"off\":\"50%\",\"on\":\"50%\"}"])
        )),
        _ => parts.push(format!("\"serve\":{}", dice.one(VARIANTS))),
    }
    if dice.below(3) == 0 {
        parts.push(format!("\"percentage\":{}", percentage(dice)));
        parts.extend((dice.below(4) == 0).then(|| "\"by\":\"plan\"".to_owned()));
    }
    parts.extend((dice.below(5) == 0).then(|| "\"until\":\"2026-12-01T00:00:00Z\"".to_owned()));
    parts.extend((dice.below(3) == 0).then(|| "\"name\":\"a rule\"".to_owned()));
    format!("{{{}}}", parts.join(","))
}

fn flag(dice: &mut Dice) -> String {
    let mut parts = vec![];
    match dice.below(4) {
        0 => parts.push(
            "\"type\":\"string\",\"variants\":{\"on\":\"x\",\"off\":\"y\",\"a\":\"A\",\"b\":\"\\u00df\"},\"fallthrough\":\"b\"".to_owned(),
        ),
        1 => parts.push("\"variants\":{\"on\":true,\"off\":false,\"a\":true,\"b\":false}".to_owned()),
        2 => parts.push(
            "\"type\":\"double\",\"variants\":{\"on\":1,\"off\":2.5,\"a\":0,\"b\":-1},\"off\":\"off\",\"fallthrough\":\"a\"".to_owned(),
        ),
        _ => {}
    }
    parts.extend((dice.below(8) == 0).then(|| "\"enabled\":false".to_owned()));
    parts.extend((dice.below(8) == 0).then(|| "\"salt\":\"another\"".to_owned()));
    parts.extend((dice.below(8) == 0).then(|| "\"schedule\":{\"from\":\"2026-11-22T00:00:00Z\"}".to_owned()));
    if dice.below(6) == 0 {
        parts.push(format!("\"prerequisites\":[{{\"flag\":\"f{}\"}}]", dice.below(FLAGS + 1)));
    }
    if dice.below(3) == 0 {
        let users = (0..dice.below(14)).map(|_| format!("\"u-{}\"", dice.below(20))).collect::<Vec<_>>().join(",");
        parts.push(format!("\"targets\":{{\"{}\":[{users}]}}", dice.one(&["on", "off", "on", "off", "b"])));
    }
    let rules = match dice.below(5) {
        // Many about one attribute, which are looked up and not gone through.
        0 => {
            let attribute = dice.one(&["plan", "country", "user_id", "a"]);
            let about = |dice: &mut Dice| {
                let first = format!("{{\"attribute\":\"{attribute}\",\"in\":[{},{}]}}", dice.one(TEXTS), dice.one(TEXTS));
                let more = if dice.below(3) == 0 { format!(",{}", condition(dice, 1)) } else { String::new() };
                let share = if dice.below(3) == 0 { ",\"percentage\":50" } else { "" };
                format!("{{\"when\":[{first}{more}],\"serve\":{}{share}}}", dice.one(&["\"on\"", "\"off\""]))
            };
            let (before, after) = (dice.some(2, rule), dice.some(2, rule));
            let many = (0..4 + dice.below(9)).map(|_| about(dice)).collect::<Vec<_>>().join(",");
            [before, many, after].into_iter().filter(|rules| !rules.is_empty()).collect::<Vec<_>>().join(",")
        }
        _ => dice.some(4, rule),
    };
    parts.push(format!("\"rules\":[{rules}]"));
    format!("{{{}}}", parts.join(","))
}

fn segment(dice: &mut Dice) -> String {
    match dice.below(3) {
        0 => "{\"users\":[\"u-1\",\"u-2\",\"u-3\"],\"except\":[\"u-2\"]}".to_owned(),
        1 => format!("{{\"users\":[\"u-4\"],\"when\":{}}}", condition(dice, 1)),
        _ => format!("{{\"when\":{}}}", condition(dice, 1)),
    }
}

/// A ruleset as the service sends it. Flags that do not compile are invalid, and so are answers.
fn ruleset(dice: &mut Dice) -> String {
    let flags: Vec<String> = (0..FLAGS).map(|at| format!("\"f{at}\":{{\"version\":1,\"doc\":{}}}", flag(dice))).collect();
    let segments: Vec<String> = (0..3).map(|at| format!("\"s{at}\":{{\"version\":1,\"doc\":{}}}", segment(dice))).collect();
    format!(
        "{{\"environment\":\"test\",\"epoch\":\"e\",\"version\":1,\"flags\":{{{}}},\"segments\":{{{}}}}}",
        flags.join(","),
        segments.join(",")
    )
}

fn context(dice: &mut Dice) -> Context {
    let context = if dice.below(8) == 0 { Context::anonymous() } else { Context::new(format!("u-{}", dice.below(20))).unwrap() };
    (0..dice.below(14)).fold(context, |context, at| {
        // More than eight are looked up in another way than fewer.
        let name = if at < 10 { dice.one(ATTRIBUTES).to_owned() } else { format!("extra-{at}") };
        let value: Value = serde_json::from_str(&value(dice, 0)).unwrap();
        context.with(&name, value).unwrap()
    })
}

/// All that an answer says.
fn told(answer: &Result<Answer<'_>, ErrorCode>) -> String {
    match answer {
        Ok(answer) => format!(
            "{:?} {:?} {:?} {:?} {:?}",
            answer.variant.map(|variant| &variant.key),
            answer.value,
            answer.reason,
            answer.rule.map(|rule| &rule.name),
            answer.asked
        ),
        Err(code) => code.as_str().to_owned(),
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn every_way_to_ask_gives_one_answer() {
    let seed = number("JACKSTAFF_FUZZ_SEED", RandomState::new().hash_one(0));
    println!("JACKSTAFF_FUZZ_SEED={seed}");
    let mut dice = Dice(seed);
    let (mut answered, mut failed) = (0, 0);
    for round in 0..number("JACKSTAFF_FUZZ_ROUNDS", 150) {
        let text = ruleset(&mut dice);
        let why = |what: &str| format!("{what}; seed {seed}, round {round}\n{text}");
        let whole = serde_json::from_str::<Ruleset>(&text).unwrap_or_else(|error| panic!("{}", why(&error.to_string())));
        let value: Value = serde_json::from_str(&text).unwrap();
        let first = compile(&whole, None);
        let others = [compile_sent_json(&text).unwrap(), compile_sent(&value).unwrap()];
        let client = Client::from_json(&text, "test").unwrap();
        client.start();
        let names: Vec<String> = (0..=FLAGS).map(|at| format!("f{at}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for _ in 0..6 {
            let context = context(&mut dice);
            let view = context.view();
            let batch = client.peek_batch(&names, view, Some(ValueType::Boolean), &Value::Bool(true)).unwrap();
            let checks = client.checks();
            for (name, of_batch) in names.iter().zip(batch) {
                let why = |what: &str| why(&format!("{what}: {name} for {context:?}"));
                let answer = evaluate(&first, name, view, &|| NOW);
                assert_eq!(told(&answer), told(&evaluate(&first, name, view, &|| NOW)), "{}", why("again"));
                assert_eq!(told(&answer), told(&explain(&first, name, view, &|| NOW).0), "{}", why("traced"));
                for other in &others {
                    assert_eq!(told(&answer), told(&evaluate(other, name, view, &|| NOW)), "{}", why("read in another way"));
                }
                let single = client.peek(name, view, Some(ValueType::Boolean), &Value::Bool(true)).unwrap();
                assert_eq!(
                    (&single.value, single.reason, &single.variant),
                    (&of_batch.value, of_batch.reason, &of_batch.variant),
                    "{}",
                    why("batch")
                );
                if single.error.is_none() && single.value.as_bool().is_some() {
                    let enabled = [client.peek_enabled(name, view, true), checks.enabled(name, view, true)];
                    assert_eq!(enabled, [single.value.as_bool(); 2], "{}", why("on or off"));
                }
                answered += usize::from(answer.is_ok());
                failed += usize::from(answer.is_err());
            }
        }
    }
    println!("{answered} answers, {failed} errors");
    assert!(answered > failed, "most flags that are drawn should work: {answered} answers, {failed} errors");
}

#[test]
fn text_that_is_broken_anywhere_is_refused_or_read_and_never_a_panic() {
    let seed = number("JACKSTAFF_FUZZ_SEED", RandomState::new().hash_one(0));
    println!("JACKSTAFF_FUZZ_SEED={seed}");
    let mut dice = Dice(seed);
    for _ in 0..number("JACKSTAFF_FUZZ_ROUNDS", 150) / 3 {
        let flags: Vec<String> = (0..3).map(|at| format!("\"f{at}\":{}", flag(&mut dice))).collect();
        let document = format!("{{\"flags\":{{{}}},\"segments\":{{\"s0\":{}}}}}", flags.join(","), segment(&mut dice));
        for text in [document, ruleset(&mut dice)] {
            let mut bytes = text.clone().into_bytes();
            for _ in 0..1 + dice.below(3) {
                let at = dice.below(bytes.len());
                match dice.below(3) {
                    0 => bytes[at] = b"{}[]\",:0a\\\0"[dice.below(11)],
                    1 => drop(bytes.remove(at)),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            let broken = String::from_utf8_lossy(&bytes).into_owned();
            for text in [&text, &broken] {
                for syntax in [Syntax::Json, Syntax::Yaml, Syntax::Toml] {
                    FORMATS.iter().for_each(|format| drop((format.compile)(text, syntax, "development")));
                }
                drop(compile_sent_json(text));
                drop(Client::from_json(text, "development"));
                drop(serde_json::from_str::<Value>(text).map(|value| compile_sent(&value)));
                // With places and without, a document has the same mistakes.
                if let (Ok(placed), Some(plain)) = (Node::parse(text, Syntax::Json), Node::without_places(text))
                    && let (Ok(placed), Ok(plain)) = (Document::from_node(&placed), Document::from_node(&plain))
                {
                    let mistakes = |document: &Document| {
                        let mut all: Vec<String> =
                            document.check(Some(NOW)).into_iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect();
                        all.sort();
                        all
                    };
                    assert_eq!(mistakes(&placed), mistakes(&plain), "seed {seed}\n{text}");
                    let errors = plain.check(None).iter().any(|problem| problem.severity == jackstaff::ruleset::Severity::Error);
                    assert_eq!(plain.snapshot("development").is_err(), errors, "seed {seed}\n{text}");
                }
            }
        }
    }
}
