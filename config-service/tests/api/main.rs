//! The service through the door that is sold: a real listener on a free port, and HTTP.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop, and its helpers are tests too")]

mod auth;
mod command;
mod door;
mod evaluate;
mod limits;
mod manage;
mod replicas;
mod rulesets;
mod stream;
