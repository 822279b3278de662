//! The answer to a check: a value, and always why and from where.

use std::sync::Arc;
use std::time::Duration;

use crate::value::Value;

/// Why an answer is what it is. The wire has these words in snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The targeting key is on one of the flag's target lists.
    UserTargeted,
    /// A rule's conditions held and it serves one variant.
    RuleMatched,
    /// A percentage or a weighted split decided.
    Rollout,
    /// No rule matched; the flag's own last word.
    Fallthrough,
    /// The flag is off, or outside its schedule.
    Disabled,
    /// A flag that this one depends on did not have the wanted answer.
    PrerequisiteFailed,
    /// Nobody knows a flag of that name: the caller's default.
    FlagNotFound,
    /// The flag holds another type than was asked for: the caller's default.
    TypeMismatch,
    /// No ruleset has arrived yet: the caller's default.
    NotReady,
    /// The flag or the trip to the service failed: the caller's default.
    Error,
}

impl Reason {
    /// All reasons, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::UserTargeted,
        Self::RuleMatched,
        Self::Rollout,
        Self::Fallthrough,
        Self::Disabled,
        Self::PrerequisiteFailed,
        Self::FlagNotFound,
        Self::TypeMismatch,
        Self::NotReady,
        Self::Error,
    ];

    /// The word on the wire and in every language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserTargeted => "user_targeted",
            Self::RuleMatched => "rule_matched",
            Self::Rollout => "rollout",
            Self::Fallthrough => "fallthrough",
            Self::Disabled => "disabled",
            Self::PrerequisiteFailed => "prerequisite_failed",
            Self::FlagNotFound => "flag_not_found",
            Self::TypeMismatch => "type_mismatch",
            Self::NotReady => "not_ready",
            Self::Error => "error",
        }
    }

    /// The reason of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// Did nobody have an answer, so that the caller's default was served?
    pub fn is_default(self) -> bool {
        matches!(self, Self::FlagNotFound | Self::TypeMismatch | Self::NotReady | Self::Error)
    }
}

/// Where an answer came from; kept apart from [`Reason`], so that a cache never hides the why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// Evaluated in this process, on its own snapshot.
    Local,
    /// An answer of the service, kept in this process.
    Memory,
    /// An answer of the service, kept in Redis.
    Redis,
    /// The service answered just now.
    Remote,
    /// Nobody could say: the caller's default.
    Default,
}

impl Origin {
    /// All origins.
    pub const ALL: [Self; 5] = [Self::Local, Self::Memory, Self::Redis, Self::Remote, Self::Default];

    /// The word for it in every language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Remote => "remote",
            Self::Default => "default",
        }
    }
}

/// Why one flag could not be evaluated, though others can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// No flag of that name.
    FlagNotFound,
    /// The flag does not compile, or a rule of it cannot be carried out.
    MalformedFlag,
    /// The flag depends on itself, through others or directly.
    Cycle,
    /// The flag or the chosen variant has another type than asked for.
    TypeMismatch,
    /// A rollout needs a targeting key, and the context has none.
    TargetingKeyMissing,
    /// The flag's rules name a variant that it does not have.
    UnknownVariant,
    /// The evaluation went over more elements and text than a check may.
    LimitExceeded,
}

impl ErrorCode {
    /// The word for it in every language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FlagNotFound => "flag_not_found",
            Self::MalformedFlag => "malformed_flag",
            Self::Cycle => "cycle",
            Self::TypeMismatch => "type_mismatch",
            Self::TargetingKeyMissing => "targeting_key_missing",
            Self::UnknownVariant => "unknown_variant",
            Self::LimitExceeded => "limit_exceeded",
        }
    }

    /// The reason that a check reports with this error.
    pub fn reason(self) -> Reason {
        match self {
            Self::FlagNotFound => Reason::FlagNotFound,
            Self::TypeMismatch => Reason::TypeMismatch,
            _ => Reason::Error,
        }
    }
}

/// The answer to one check.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The flag that was asked about.
    pub flag: Arc<str>,
    /// The value: the variant's, or the caller's default.
    pub value: Value,
    /// For a boolean flag the value itself; for others: on, and not its off variant.
    pub enabled: bool,
    /// The name of the variant that was served, unless the caller's default was.
    pub variant: Option<Arc<str>>,
    /// Why.
    pub reason: Reason,
    /// From where.
    pub origin: Origin,
    /// The name of the rule that decided, where one did.
    pub rule: Option<Arc<str>>,
    /// What was wrong, where the reason is an error.
    pub error: Option<ErrorCode>,
    /// The version of the last change that could have altered this answer; 0 if the source has none.
    pub version: u64,
    /// The life of the store that `version` belongs to; empty if the source has none.
    pub epoch: Arc<str>,
    /// How long ago the answer was evaluated or, for a local one, known to be current.
    pub age: Duration,
}

impl Evaluation {
    /// The caller's default, with the reason why nobody could say better.
    pub fn default(flag: &str, default: Value, reason: Reason) -> Self {
        Self {
            flag: flag.into(),
            enabled: default.as_bool().unwrap_or(false),
            value: default,
            variant: None,
            reason,
            origin: Origin::Default,
            rule: None,
            error: None,
            version: 0,
            epoch: "".into(),
            age: Duration::ZERO,
        }
    }
}
