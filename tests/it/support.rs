//! What the tests share: a server to start, kill and question, events to send, and SQL as oracle.

mod backends;
mod docs;
mod events;
mod load;
mod npm;
mod place;
mod sender;
mod server;
mod sql;
mod tls;

pub(crate) use backends::{Backends, Pair, Queue, Store, on_every_pair};
pub(crate) use docs::{documented, sh};
pub(crate) use events::{Event, hour_now};
pub(crate) use load::Load;
pub(crate) use npm::npm_installed;
pub(crate) use place::Place;
pub(crate) use sender::{Sender, raw_post, raw_request};
pub(crate) use server::{Answer, Config, Server, agent, eventually, post};
pub(crate) use sql::Sql;
pub(crate) use tls::{Authority, HOST, dial, https_config};
