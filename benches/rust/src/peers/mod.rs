//! One file a rival: how it is loaded, how its context is made, and the call that is measured.

mod eppo;
mod flagsmith;
mod growthbook;
mod jackstaff;
mod launchdarkly;
mod unleash;

pub use eppo::Eppo;
pub use flagsmith::Fs as Flagsmith;
pub use growthbook::Gb as GrowthBook;
pub use jackstaff::Jackstaff;
pub use launchdarkly::Ld as LaunchDarkly;
pub use unleash::Unleash;
