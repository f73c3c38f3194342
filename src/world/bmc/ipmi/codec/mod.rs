//! The bytes of IPMI, both ways. Knows no socket, clock or randomness.

mod asf;
mod bytes;
mod channel;
mod cipher;
mod command;
mod completion;
mod handshake;
mod message;
mod packet;
mod window;

pub(crate) mod boot;
pub(crate) mod chassis;

pub(crate) use asf::{ping, pong};
pub(crate) use channel::Channel;
pub use cipher::CipherSuite;
pub(crate) use command::Authentication;
pub use command::Command;
pub use completion::Completion;
pub(crate) use handshake::{Fault, Handshake};
pub(crate) use message::{Answer, request};
pub(crate) use packet::{PayloadType, before_session, sessionless, sessionless_answer, unsealed};
