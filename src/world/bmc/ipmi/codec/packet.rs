//! What is around a payload before there is a session: RMCP's header and that of a session that is none (IPMI 2.0, sections 13.1.3 and 13.6).

use super::bytes::Reader;

/// Version 6, no acknowledgement wanted, class IPMI.
pub(crate) const HEADER: [u8; 4] = [0x06, 0x00, 0xff, 0x07];

/// The format of IPMI 2.0's sessions (table 13-8).
pub(crate) const RMCP_PLUS: u8 = 0x06;

/// The format of IPMI 1.5, without authentication.
const NONE: u8 = 0x00;

/// What a packet carries (table 13-16).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PayloadType {
    Ipmi,
    SerialOverLan,
    OpenRequest,
    OpenResponse,
    Rakp1,
    Rakp2,
    Rakp3,
    Rakp4,
}

impl PayloadType {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Ipmi => 0x00,
            Self::SerialOverLan => 0x01,
            Self::OpenRequest => 0x10,
            Self::OpenResponse => 0x11,
            Self::Rakp1 => 0x12,
            Self::Rakp2 => 0x13,
            Self::Rakp3 => 0x14,
            Self::Rakp4 => 0x15,
        }
    }

    pub(crate) fn of(number: u8) -> Option<Self> {
        [
            Self::Ipmi,
            Self::SerialOverLan,
            Self::OpenRequest,
            Self::OpenResponse,
            Self::Rakp1,
            Self::Rakp2,
            Self::Rakp3,
            Self::Rakp4,
        ]
        .into_iter()
        .find(|kind| kind.number() == number)
    }
}

/// Passes RMCP's header by. The sequence number in it is the sender's affair.
pub(crate) fn behind_header<'a>(datagram: &'a [u8]) -> Option<Reader<'a>> {
    let mut reader = Reader(datagram);
    let [version, _, _, class] = reader.array()?;
    (version == 0x06 && class == 0x07).then_some(reader)
}

/// A payload of a session that is not open yet.
pub(crate) fn unsealed(kind: PayloadType, payload: &[u8]) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    bytes.extend([RMCP_PLUS, kind.number()]);
    bytes.extend([0; 8]); // neither a session nor a number in it
    // Payloads of ours are short.
    bytes.extend(
        u16::try_from(payload.len())
            .unwrap_or(u16::MAX)
            .to_le_bytes(),
    );
    bytes.extend_from_slice(payload);
    bytes
}

/// The payload of an answer before the session is open.
pub(crate) fn before_session(datagram: &[u8], kind: PayloadType) -> Option<&[u8]> {
    let mut reader = behind_header(datagram)?;
    let [format, number] = reader.array()?;
    reader.bytes(8)?;
    let length = usize::from(reader.u16()?);
    let payload = reader.bytes(length)?;
    (format == RMCP_PLUS && number == kind.number()).then_some(payload)
}

/// A message without any session, as IPMI 1.5 has it.
pub(crate) fn sessionless(message: &[u8]) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    bytes.push(NONE);
    bytes.extend([0; 8]);
    bytes.push(u8::try_from(message.len()).unwrap_or(u8::MAX)); // ours is short
    bytes.extend_from_slice(message);
    bytes
}

/// The message of an answer without any session.
pub(crate) fn sessionless_answer(datagram: &[u8]) -> Option<&[u8]> {
    let mut reader = behind_header(datagram)?;
    let format = reader.u8()?;
    reader.bytes(8)?;
    let length = usize::from(reader.u8()?);
    reader.bytes(length).filter(|_| format == NONE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_payload_before_the_session_comes_back() {
        let datagram = unsealed(PayloadType::Rakp2, b"payload");
        let header = [6, 0, 0xff, 7, 6, 0x13, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0];
        assert_eq!(datagram[..16], header);
        let read = |kind| before_session(&datagram, kind);
        assert_eq!(read(PayloadType::Rakp2), Some(&b"payload"[..]));
        assert_eq!(read(PayloadType::Rakp4), None);
        for at in 0..datagram.len() {
            assert_eq!(before_session(&datagram[..at], PayloadType::Rakp2), None);
        }
    }

    #[test]
    fn a_message_without_session_comes_back() {
        let datagram = sessionless(b"message");
        assert_eq!(sessionless_answer(&datagram), Some(&b"message"[..]));
        for at in 0..datagram.len() {
            assert_eq!(sessionless_answer(&datagram[..at]), None);
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            for bytes in [bytes.clone(), [&HEADER, bytes.as_slice()].concat()] {
                let _ = before_session(&bytes, PayloadType::Rakp2);
                let _ = sessionless_answer(&bytes);
            }
        }
    }
}
