//! The service through the door that is sold: a real listener on a free port, and HTTP.

mod auth;
mod command;
mod door;
mod evaluate;
mod limits;
mod manage;
mod rulesets;
mod stream;
