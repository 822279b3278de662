//! The Jackstaff config service and the `jackstaff` command line.
//!
//! A [`store`] keeps flags, [`environments`] is the one door through which they are written and the place they are read from, [`publish`] tells
//! streams and brokers what moved, and [`http`] is the API in front. [`service`] puts these together, [`serve`] runs them on a listener, and [`command`] is
//! what `jackstaff` does when it is called. Evaluating is the core's: the service holds the same compiled snapshot that a client holds,
//! and answers with the same code.

#![forbid(unsafe_code)]

pub mod clock;
pub mod command;
pub mod config;
mod context;
pub mod environments;
pub mod histogram;
pub mod http;
pub mod keys;
pub mod publish;
mod random;
pub mod serve;
pub mod service;
pub mod store;
pub mod tls;
pub mod watch;
mod yaml;
