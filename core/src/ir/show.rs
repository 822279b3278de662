//! Expressions as text, for traces and for people who debug a front-end.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use super::bucket::Norm;
use super::conv::Conv;
use super::expr::{Bucket, Expr, Field, Part, Path, Quant, Rel, Seg, TextRel};
use super::logic::{Js, LogicOp};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Const(value) => f.write_str(&value.to_json()),
            Self::Version(version) => write!(f, "{version}"),
            Self::Key => f.write_str("user_id"),
            Self::Attr(path) => write!(f, "{path}"),
            Self::Has(path) => write!(f, "{path} is present"),
            Self::Elem(level, path) => {
                write!(f, "{}element", "outer ".repeat(usize::from(*level)))?;
                steps(f, path)
            }
            Self::Now => f.write_str("now"),
            Self::Rand(below) => write!(f, "random number below {below}"),
            Self::Extern(name) => write!(f, "external {name}"),
            Self::Conv(conv, inner) => match conv.word() {
                Some(word) => write!(f, "{word}({inner})"),
                None => write!(f, "{inner}"),
            },
            Self::Cmp(rel, sides) => write!(f, "{} {} {}", sides.0, rel.symbol(), sides.1),
            Self::In(inner, ids) => {
                write!(f, "{inner} in [")?;
                list(f, &ids.sample())?;
                if ids.len() > ids.sample().len() {
                    write!(f, ", … {} in all", ids.len())?;
                }
                f.write_str("]")
            }
            Self::InSet(inner, set) => write!(f, "{inner} in external set {set}"),
            Self::Text(rel, parts) => {
                let rel = match rel {
                    TextRel::StartsWith => "starts with",
                    TextRel::EndsWith => "ends with",
                    TextRel::Contains => "contains",
                };
                write!(f, "{} {rel} [", parts.0)?;
                list(f, &parts.1)?;
                f.write_str("]")
            }
            Self::Regex(inner, regex) => write!(f, "{inner} matches /{regex}/"),
            Self::Pattern(parts) => write!(f, "{} matches /{}/", parts.0, parts.1),
            Self::Cidr(parts) => {
                write!(f, "{} in network [", parts.0)?;
                list(f, &parts.1)?;
                f.write_str("]")
            }
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::And(parts) => join(f, parts, " and "),
            Self::Or(parts) => join(f, parts, " or "),
            Self::IsTrue(inner) => write!(f, "surely ({inner})"),
            Self::IsNull(inner) => write!(f, "{inner} is missing"),
            Self::If(parts) => write!(f, "if {} then {} else {}", parts[0], parts[1], parts[2]),
            Self::Coalesce(parts) => join(f, parts, " else "),
            Self::Switch(switch) => write!(f, "by the type of {}", switch.by),
            Self::Let(parts) => write!(f, "with {} as element: {}", parts.0, parts.1),
            Self::AsList(inner) => write!(f, "list of {inner}"),
            Self::Quant(quant, over, condition) => {
                let quant = match quant {
                    Quant::Any => "any",
                    Quant::All => "every",
                    Quant::None => "no",
                };
                write!(f, "{quant} element of {over}: {condition}")
            }
            Self::Len(inner) => write!(f, "length of {inner}"),
            Self::Mod(inner, divisor) => write!(f, "{inner} mod {divisor}"),
            Self::Bucket(bucket) => write!(f, "{bucket}"),
            Self::Ramp(ramp) => write!(f, "a ramp from {} to {}", ramp.from, ramp.to),
            Self::Split(split) => write!(f, "split by {}", split.by),
            Self::Flag(name, field) => {
                let field = match field {
                    Field::Enabled => "enabled",
                    Field::Value => "value",
                    Field::Variant => "variant",
                    Field::Error => "error",
                };
                write!(f, "{field} of flag {name}")
            }
            Self::Delegate(name) => write!(f, "answer of flag {name}"),
            Self::Segment(name) => write!(f, "in segment {name}"),
            Self::Js(js, sides) => write!(f, "{} {} {}", sides.0, js.symbol(), sides.1),
            Self::Logic(logic) => {
                write!(f, "{}(", logic.op.word())?;
                list(f, &logic.args)?;
                f.write_str(")")
            }
            Self::Named(named) => write!(f, "variant named by {}", named.by),
            Self::Target(target) => match target.variant {
                Some(index) => write!(f, "variant {index}"),
                None => f.write_str("the caller's default"),
            },
            Self::Err(code) => write!(f, "error {}", code.as_str()),
        }
    }
}

impl Rel {
    fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "≠",
            Self::Lt => "<",
            Self::Le => "≤",
            Self::Gt => ">",
            Self::Ge => "≥",
        }
    }
}

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        steps(f, &self.rest)
    }
}

fn steps(f: &mut Formatter<'_>, path: &[Seg]) -> fmt::Result {
    path.iter().try_for_each(|step| match step {
        Seg::Key(key) | Seg::Either(key) => write!(f, ".{key}"),
        Seg::Index(index) => write!(f, "[{index}]"),
    })
}

impl Conv {
    /// How it is written; none where a reader need not know of it.
    fn word(self) -> Option<&'static str> {
        Some(match self {
            Self::Text | Self::Num | Self::Bool | Self::Scalar | Self::ToText => return None,
            Self::Lower => "lower",
            Self::ParseNum | Self::ParseI32 | Self::NumericText | Self::JsNumber => "number",
            Self::JsText => "text",
            Self::JsTruthy => "truthy",
            Self::JsonText => "json",
            Self::Semver | Self::SemverLoose | Self::SemverPartial | Self::SemverGo | Self::VersionDotted | Self::VersionPadded => {
                "version"
            }
            Self::DateMs | Self::Rfc3339Ms | Self::Rfc3339Secs | Self::DateOrMs | Self::EpochAuto => "date",
            Self::IntegralId => "id",
            Self::Sha256Short => "sha256",
        })
    }
}

impl Js {
    fn symbol(self) -> &'static str {
        match self {
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Same => "===",
            Self::NotSame => "!==",
        }
    }
}

impl LogicOp {
    /// JSONLogic's own word where it has one.
    fn word(self) -> &'static str {
        match self {
            Self::Context => "context",
            Self::Dig => "var",
            Self::Missing => "missing",
            Self::MissingSome => "missing_some",
            Self::List => "list",
            Self::Merge => "merge",
            Self::Truthy => "!!",
            Self::Not => "!",
            Self::And => "and",
            Self::Or => "or",
            Self::If => "if",
            Self::In => "in",
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Rem => "%",
            Self::Min => "min",
            Self::Max => "max",
            Self::Cat => "cat",
            Self::Substr => "substr",
            Self::Map => "map",
            Self::Filter => "filter",
            Self::Reduce => "reduce",
            Self::All => "all",
            Self::Some => "some",
            Self::None => "none",
            Self::SameMajor => "same_major",
            Self::SameMinor => "same_minor",
            Self::Weighted => "fractional",
            Self::WeightedPercent => "fractional_percent",
        }
    }
}

impl Bucket {
    /// What is hashed, in words.
    pub fn what(&self) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => format!("{text:?}"),
            Part::Expr(expr) => expr.to_string(),
            Part::Cbor(expr) => format!("cbor({expr})"),
        });
        parts.collect::<Vec<_>>().join(" + ")
    }
}

impl Display for Bucket {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "bucket of {}", self.what())?;
        match self.norm {
            Norm::Scale(n) | Norm::Mod(n) | Norm::ModPlusOne(n) | Norm::ModDiv(n, _) => write!(f, " of {n}"),
            Norm::Div(_) | Norm::Percent(_) | Norm::SignedAbsPercent => Ok(()),
        }
    }
}

fn list<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    let shown: Vec<Arc<str>> = items.iter().take(8).map(|item| item.to_string().into()).collect();
    f.write_str(&shown.join(", "))
}

fn join(f: &mut Formatter<'_>, parts: &[Expr], word: &str) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(word)?;
        }
        match part {
            Expr::And(_) | Expr::Or(_) => write!(f, "({part})")?,
            _ => write!(f, "{part}")?,
        }
    }
    Ok(())
}
