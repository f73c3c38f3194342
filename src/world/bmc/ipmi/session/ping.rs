//! Whether anybody is there that speaks IPMI. Needs no password, and opens no session.

use std::net::SocketAddr;

use super::super::codec;
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
