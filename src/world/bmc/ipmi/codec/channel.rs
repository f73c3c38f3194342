//! Packets of an open session: numbered, encrypted and signed (IPMI 2.0, sections 13.6 and 13.28).

use super::cipher::{BLOCK, Keys};
use super::packet::{HEADER, PayloadType, RMCP_PLUS, behind_header};
use super::window::Window;

/// Both that a payload is encrypted and that its packet is signed. A packet that lacks either is nobody's.
const SEALED: u8 = 0x80 | 0x40;

/// The byte between the padding and the signature (table 13-8).
const NEXT_HEADER: u8 = 0x07;

/// One end of an open session.
#[derive(Clone)]
pub(crate) struct Channel {
    keys: Keys,
    /// The session's number at our end, which the BMC's packets carry, and at its own.
    console_session: u32,
    bmc_session: u32,
    sent: u32,
    came: Window,
}

impl Channel {
    pub(crate) fn new(keys: Keys, console_session: u32, bmc_session: u32) -> Self {
        Self {
            keys,
            console_session,
            bmc_session,
            sent: 0,
            came: Window::default(),
        }
    }

    /// The session's number as the BMC has it.
    pub(crate) fn bmc_session(&self) -> u32 {
        self.bmc_session
    }

    /// The next packet of the session. `begin` is new for each, and random.
    pub(crate) fn seal(
        &mut self,
        kind: PayloadType,
        payload: &[u8],
        begin: [u8; BLOCK],
    ) -> Vec<u8> {
        self.sent = self.sent.checked_add(1).unwrap_or(1);
        let payload = self.keys.encrypt(begin, payload);
        let mut signed = vec![RMCP_PLUS, kind.number() | SEALED];
        signed.extend(self.bmc_session.to_le_bytes());
        signed.extend(self.sent.to_le_bytes());
        // Payloads of ours are short.
        signed.extend(
            u16::try_from(payload.len())
                .unwrap_or(u16::MAX)
                .to_le_bytes(),
        );
        signed.extend(payload);
        let padding = (4 - (signed.len() + 2) % 4) % 4;
        signed.extend(std::iter::repeat_n(0xff, padding));
        signed.extend([padding.to_le_bytes()[0], NEXT_HEADER]);
        let signature = self.keys.sign(&signed);
        [HEADER.to_vec(), signed, signature].concat()
    }

    /// The payload of a packet that is the BMC's, of this session, and new; none for every other.
    pub(crate) fn unseal(&mut self, datagram: &[u8]) -> Option<(PayloadType, Vec<u8>)> {
        let mut reader = behind_header(datagram)?;
        let mut signed = reader;
        let [format, number] = reader.array()?;
        let (session, packet) = (reader.u32()?, reader.u32()?);
        let kind = PayloadType::of(number & !SEALED)?;
        let is_ours = session == self.console_session && number & SEALED == SEALED;
        if format != RMCP_PLUS || !is_ours {
            return None;
        }
        signed.0 = self.keys.verified(signed.rest())?;
        let length = usize::from(reader.u16()?);
        let mut covered = signed;
        covered.bytes(12)?;
        let payload = covered.bytes(length)?;
        if !self.came.admits(packet) {
            return None;
        }
        Some((kind, self.keys.decrypt(payload)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cipher::CipherSuite;
    use super::*;

    /// Both ends of a session.
    fn ends(suite: CipherSuite) -> (Channel, Channel) {
        let keys = Keys::of(suite, b"session key");
        (
            Channel::new(keys.clone(), 0x1111, 0x2222),
            Channel::new(keys, 0x2222, 0x1111),
        )
    }

    #[test]
    fn a_packet_is_taken_whole_and_once() {
        for suite in [CipherSuite::Sha1, CipherSuite::Sha256] {
            let (mut ours, mut theirs) = ends(suite);
            let packet = ours.seal(PayloadType::Ipmi, b"payload", [1; BLOCK]);
            for at in 0..packet.len() {
                let mut spoilt = packet.clone();
                spoilt[at] ^= 1;
                // Only the second and third byte, RMCP's own, are not the session's.
                let is_free = matches!(at, 1 | 2);
                let mut other = theirs.clone();
                assert_eq!(other.unseal(&spoilt).is_some(), is_free, "byte {at}");
                assert_eq!(theirs.unseal(&packet[..at]), None, "cut at {at}");
            }
            let expected = (PayloadType::Ipmi, b"payload".to_vec());
            assert_eq!(theirs.unseal(&packet), Some(expected));
            assert_eq!(theirs.unseal(&packet), None, "a repetition");
            assert_eq!(ours.unseal(&packet), None, "of another session");
        }
    }

    #[test]
    fn a_packet_without_signature_or_encryption_is_nobodys() {
        let (mut ours, mut theirs) = ends(CipherSuite::Sha1);
        for dropped in [0x80, 0x40, 0xc0] {
            let mut packet = ours.seal(PayloadType::Ipmi, b"payload", [1; BLOCK]);
            packet[5] &= !dropped;
            // Signed anew, as a BMC could.
            let length = packet.len() - CipherSuite::Sha1.signature_length();
            let signature = ours.keys.sign(&packet[4..length]);
            packet.truncate(length);
            packet.extend(signature);
            assert_eq!(theirs.unseal(&packet), None, "{dropped:x}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let (mut ours, _) = ends(CipherSuite::Sha1);
            let begin = [&HEADER[..], &[RMCP_PLUS, SEALED, 0x11, 0x11, 0, 0], &bytes].concat();
            prop_assert_eq!(ours.unseal(&bytes), None);
            prop_assert_eq!(ours.unseal(&begin), None);
            // Signed by the BMC, but nonsense behind it.
            let signature = ours.keys.sign(&begin[4..]);
            let _ = ours.unseal(&[begin, signature].concat());
        }
    }
}
