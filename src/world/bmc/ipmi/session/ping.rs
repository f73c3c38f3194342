//! Whether anybody is there that speaks IPMI. Needs no password, and opens no session.

use std::net::SocketAddr;

use super::super::codec::{self, Answer, Command, request, sessionless, sessionless_answer, uuid};
use super::super::error::IpmiError;
use super::super::socket::Link;
use super::super::target::Patience;
use super::random;

/// Asks an address by a Presence Ping of ASF whether it speaks IPMI. No answer is [`IpmiError::Unreachable`]: some BMCs speak IPMI and do not answer pings.
pub async fn ping(address: SocketAddr, patience: Patience) -> Result<bool, IpmiError> {
    let mut link = Link::open(address).await?;
    let [tag] = random::<1>()?;
    let tag = tag & 0x7f; // 0xff would forbid an answer
    let say = |(): &mut ()| Ok(codec::ping(tag));
    let hear = |(): &mut (), datagram: &[u8]| codec::pong(datagram, tag);
    link.exchange(patience, &mut (), say, hear).await
}

/// The machine's UUID, which a BMC may tell without a session (IPMI 2.0, section 22.14 and table G-1); none where it does not.
///
/// # Errors
/// Where nobody answers.
pub async fn system_uuid(
    address: SocketAddr,
    patience: Patience,
) -> Result<Option<String>, IpmiError> {
    let mut link = Link::open(address).await?;
    let [number] = random::<1>()?;
    let sequence = number & 0x3f;
    let datagram = sessionless(&request(Command::SYSTEM_GUID, 0, sequence, &[]));
    let say = |(): &mut ()| Ok(datagram.clone());
    let hear = |(): &mut (), datagram: &[u8]| {
        let message = sessionless_answer(datagram)?;
        let answer = Answer::read(message, Command::SYSTEM_GUID, sequence)?;
        Some(match answer.completion {
            0 => uuid(answer.data),
            _ => None,
        })
    };
    link.exchange(patience, &mut (), say, hear).await
}
