//! Expressions as text, for traces and for people who debug a front-end.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use super::bucket::Norm;
use super::expr::{Bucket, Conv, Expr, Field, Part, Path, Quant, Rel, Seg, TextRel};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Const(value) => f.write_str(&value.to_json()),
            Self::Version(version) => write!(f, "{version}"),
            Self::Key => f.write_str("user_id"),
            Self::Attr(path) => write!(f, "{path}"),
            Self::Has(path) => write!(f, "{path} is present"),
            Self::Elem => f.write_str("element"),
            Self::Now => f.write_str("now"),
            Self::Conv(conv, inner) => match conv {
                Conv::Lower => write!(f, "lower({inner})"),
                Conv::Semver | Conv::SemverLoose => write!(f, "version({inner})"),
                Conv::DateMs => write!(f, "date({inner})"),
                Conv::ParseNum => write!(f, "number({inner})"),
                Conv::Text | Conv::Num | Conv::ToText => write!(f, "{inner}"),
            },
            Self::Cmp(rel, sides) => write!(f, "{} {} {}", sides.0, rel.symbol(), sides.1),
            Self::In(inner, ids) => {
                write!(f, "{inner} in [")?;
                list(f, ids.sample())?;
                if ids.len() > ids.sample().len() {
                    write!(f, ", … {} in all", ids.len())?;
                }
                f.write_str("]")
            }
            Self::Text(rel, inner, needles) => {
                let rel = match rel {
                    TextRel::StartsWith => "starts with",
                    TextRel::EndsWith => "ends with",
                    TextRel::Contains => "contains",
                };
                write!(f, "{inner} {rel} [")?;
                list(f, needles)?;
                f.write_str("]")
            }
            Self::Regex(inner, regex) => write!(f, "{inner} matches /{regex}/"),
            Self::Cidr(inner, networks) => {
                write!(f, "{inner} in network [")?;
                list(f, networks)?;
                f.write_str("]")
            }
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::And(parts) => join(f, parts, " and "),
            Self::Or(parts) => join(f, parts, " or "),
            Self::IsTrue(inner) => write!(f, "surely ({inner})"),
            Self::IsNull(inner) => write!(f, "{inner} is missing"),
            Self::If(parts) => write!(f, "if {} then {} else {}", parts[0], parts[1], parts[2]),
            Self::Coalesce(parts) => join(f, parts, " else "),
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
                };
                write!(f, "{field} of flag {name}")
            }
            Self::Delegate(name) => write!(f, "answer of flag {name}"),
            Self::Segment(name) => write!(f, "in segment {name}"),
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
        self.rest.iter().try_for_each(|step| match step {
            Seg::Key(key) => write!(f, ".{key}"),
            Seg::Index(index) => write!(f, "[{index}]"),
        })
    }
}

impl Bucket {
    /// What is hashed, in words.
    pub fn what(&self) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => format!("{text:?}"),
            Part::Expr(expr) => expr.to_string(),
        });
        parts.collect::<Vec<_>>().join(" + ")
    }
}

impl Display for Bucket {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "bucket of {}", self.what())?;
        match self.norm {
            Norm::Scale(n) | Norm::Mod(n) | Norm::ModPlusOne(n) | Norm::ModDiv(n, _) => write!(f, " of {n}"),
            Norm::Div(_) | Norm::Percent(_) => Ok(()),
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
