//! `jackstaff evaluate`: one answer, from a file or from a service.

use jackstaff::context::Context;
use jackstaff::eval::trace::{Explanation, Step};
use jackstaff::eval::{self, parse_date_ms};
use jackstaff::evaluation::Reason;
use jackstaff::format::by_name;
use jackstaff::ruleset::Syntax;
use jackstaff::value::Value;
use jackstaff::wire::{EVALUATE_PATH, EvaluateRequest, EvaluateResponse, context_of as wire_context};
use reqwest::Method;

use super::remote::ask;
use super::{Failure, print, read_file};
use crate::clock;
use crate::config::Evaluate;
use crate::context::context_of;

/// Prints what a flag answers.
///
/// # Errors
/// No such flag, or one that cannot be evaluated (1); a file or a context that cannot be read (2); no service (3).
pub fn evaluate(options: &Evaluate) -> Result<(), Failure> {
    let attributes: Option<Value> = match &options.context {
        None => None,
        Some(text) => Some(
            serde_json::from_str(text)
                .map_err(|error| Failure::usage(format!("--context is not JSON: {error}; write {{\"country\": \"DE\"}}")))?,
        ),
    };
    let context = context_of(options.user.as_deref().map(Value::from), attributes).map_err(|message| {
        Failure::usage(
            message.replace("user_id is missing: send it, or a context with attributes", "give a user, or attributes with --context"),
        )
    })?;
    let (answer, explanation) = match &options.file {
        Some(_) => from_file(options, &context)?,
        None => (from_service(options, &context)?, None),
    };
    show(options, &answer, explanation.as_ref())?;
    if answer.enabled.is_some() {
        return Ok(());
    }
    let flag = &options.flag;
    Err(Failure::finding(match answer.reason.as_deref() {
        Some("flag_not_found") => format!("there is no flag \"{flag}\""),
        _ => format!("flag \"{flag}\" cannot be evaluated: {}", answer.error.as_deref().unwrap_or("error")),
    }))
}

fn from_file(options: &Evaluate, context: &Context) -> Result<(EvaluateResponse, Option<Explanation>), Failure> {
    let file = options.file.as_deref().unwrap_or_else(|| "".as_ref());
    let usage = |error: jackstaff::error::Error| Failure::usage(format!("{}: {error}", file.display()));
    let format = by_name(&options.format).map_err(|error| Failure::usage(error.to_string()))?;
    let snapshot = (format.compile)(&read_file(file)?, Syntax::of_path(file), &options.environment).map_err(usage)?;
    let now = match &options.now {
        None => clock::system()(),
        Some(text) => parse_date_ms(text)
            .ok_or_else(|| Failure::usage(format!("--now \"{text}\" is not a moment: write 2027-03-01T09:00:00Z or 2027-03-01")))?,
    };
    let (answer, explanation) = if options.explain {
        let (answer, explanation) = eval::explain(&snapshot, &options.flag, context.view(), &|| now);
        (answer, Some(explanation))
    } else {
        (eval::evaluate(&snapshot, &options.flag, context.view(), &|| now), None)
    };
    let evaluation = eval::finish(answer, &snapshot, &options.flag, None, &Value::Null);
    Ok((EvaluateResponse::from_evaluation(&evaluation, Some(&options.environment.as_str().into())), explanation))
}

fn from_service(options: &Evaluate, context: &Context) -> Result<EvaluateResponse, Failure> {
    let (user_id, attributes) = wire_context(context.view());
    let request =
        EvaluateRequest { flag_name: options.flag.clone(), user_id, environment: options.environment.clone(), context: attributes };
    let body = serde_json::to_string(&request).map_err(|error| Failure::usage(error.to_string()))?;
    let answer = ask(&options.remote, Method::POST, EVALUATE_PATH, &[("content-type", "application/json")], Some(body))?.accepted()?;
    serde_json::from_str(&answer)
        .map_err(|error| Failure::unreachable(format!("the service answered something else than an evaluation: {error}")))
}

fn show(options: &Evaluate, answer: &EvaluateResponse, explanation: Option<&Explanation>) -> Result<(), Failure> {
    if options.json {
        let mut line = serde_json::to_value(answer).unwrap_or_default();
        if let (Some(explanation), Some(line)) = (explanation, line.as_object_mut()) {
            line.insert("explanation".to_owned(), serde_json::to_value(explanation).unwrap_or_default());
        }
        return print(&line.to_string());
    }
    if let Some(explanation) = explanation {
        explanation.steps.iter().try_for_each(|step| print(&format!("  {}", in_words(step))))?;
    }
    let Some(enabled) = answer.enabled else { return Ok(()) };
    let variant = answer.variant.as_deref().map(|variant| format!(" (variant {variant})")).unwrap_or_default();
    let rule = answer.rule.as_deref().map(|rule| format!(", rule \"{rule}\"")).unwrap_or_default();
    let value = answer.value.as_ref().map_or_else(String::new, Value::to_json);
    let reason = answer.reason.as_deref().unwrap_or(Reason::Fallthrough.as_str());
    print(&format!("{} is {}: {value}{variant}, because {reason}{rule}", options.flag, if enabled { "on" } else { "off" }))
}

fn in_words(step: &Step) -> String {
    match step {
        Step::Flag { name } => format!("first, flag \"{name}\":"),
        Step::FlagAnswer { name, answer } => format!("flag \"{name}\" answers {answer}"),
        Step::Condition { says, actual, result } => {
            let result = result.map_or("unknown", |result| if result { "true" } else { "false" });
            format!("{says}: {result} (it is {})", actual.to_json())
        }
        Step::Bucket { by, bucket } => format!("bucket by {by}: {}", bucket.to_json()),
        Step::Value { says, value } => format!("{says}: {}", value.to_json()),
        Step::Rule { index, name: Some(name), outcome } => format!("rule {index} \"{name}\": {outcome}"),
        Step::Rule { index, name: None, outcome } => format!("rule {index}: {outcome}"),
    }
}
