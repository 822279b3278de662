//! Nothing is in here: the crate exists for its dependencies.
//!
//! Cargo compiles a dependency once for each set of features it is asked for, and a command names one package: the service wants
//! hyper's server, the Python extension does not, and so hyper, reqwest, redis, rskafka and the core itself were compiled four
//! times over. Whatever is built in this workspace depends on this crate, and asks for one set of features by it. Nothing of it
//! is linked that is not called. The core does not depend on it but in its tests: who adds the core to a service gets only what
//! the core needs.
//!
//! The feature `test` holds what only tests may have.
