//! Datadog's fixtures: a value and OpenFeature's reason per case, and an error code where there is one.

use std::path::Path;

use jackstaff::eval::{evaluate, finish};
use jackstaff::{Reason, Value};

use crate::case::{self, expect};
use crate::eppo_ufc::value_type;
use crate::tally::Tally;

pub fn run(folder: &Path) -> Result<Tally, String> {
    let (format, snapshot) = case::compile("ufc", &folder.join("ufc-config.json"))?;
    let now = case::now();
    let mut tally = Tally::default();
    for (file, cases) in case::json_files(&folder.join("evaluation-cases"))? {
        for (index, case) in case::list(Some(&cases)).iter().enumerate() {
            let name = format!("{file}[{index}]");
            let flag = case.get("flag").and_then(Value::as_str).unwrap_or("");
            let context = case::context(case.get("targetingKey"), case.get("attributes"))?;
            let answer = evaluate(&snapshot, flag, context.view(), &|| now);
            let wanted = case.get("variationType").and_then(Value::as_str).and_then(value_type);
            let default = case.get("defaultValue").cloned().unwrap_or_default();
            let evaluation = finish(answer, &snapshot, flag, wanted, &default);
            let reason = if evaluation.reason == Reason::TypeMismatch { "ERROR" } else { (format.reason)(&answer) };

            let mut problems = Vec::new();
            let result = case.get("result").ok_or_else(|| format!("{name} states no result"))?;
            expect(&mut problems, "value", result.get("value"), Some(&evaluation.value));
            if let Some(wanted) = result.get("reason").and_then(Value::as_str) {
                expect(&mut problems, "reason", wanted, reason);
            }
            if let Some(wanted) = result.get("errorCode").and_then(Value::as_str) {
                let code = evaluation.error.map_or_else(String::new, |code| code.as_str().to_uppercase());
                expect(&mut problems, "error code", wanted, &*code);
            }
            if let Some(wanted) = result.get("variant").and_then(Value::as_str) {
                expect(&mut problems, "variant", Some(wanted), evaluation.variant.as_deref());
            }
            tally.count(&name, problems);
        }
    }
    Ok(tally)
}
