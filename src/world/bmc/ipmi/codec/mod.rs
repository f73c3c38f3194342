//! The bytes of IPMI, both ways. Knows no socket, clock or randomness.

mod asf;
mod bytes;
mod channel;
mod cipher;
mod command;
mod completion;
mod formula;
mod guid;
mod handshake;
mod message;
mod packet;
mod text;
mod window;
mod words;

pub(crate) mod boot;
pub(crate) mod chassis;
pub(crate) mod fru;
pub(crate) mod lan;
pub(crate) mod reading;
pub(crate) mod sdr;
pub(crate) mod sel;
pub(crate) mod sol;
pub(crate) mod user;

pub(crate) use asf::{ping, pong};
pub(crate) use bytes::Reader;
pub(crate) use channel::Channel;
pub use cipher::CipherSuite;
pub(crate) use command::Authentication;
pub use command::Command;
pub use completion::Completion;
pub(crate) use formula::Factors;
pub(crate) use guid::uuid;
pub(crate) use handshake::{Fault, Handshake};
pub(crate) use message::{Answer, request};
pub(crate) use packet::{PayloadType, before_session, sessionless, sessionless_answer, unsealed};
