//! The question whether anybody speaks RMCP, and its answer (ASF 2.0, sections 3.2.4.2 and 3.2.4.3; IPMI 2.0, section 13.2).

use super::bytes::Reader;

/// RMCP's header: version 6, no acknowledgement wanted, class ASF.
const HEADER: [u8; 4] = [0x06, 0x00, 0xff, 0x06];

/// ASF's enterprise number, 4542.
const ENTERPRISE: [u8; 4] = [0x00, 0x00, 0x11, 0xbe];

const PRESENCE_PING: u8 = 0x80;
const PRESENCE_PONG: u8 = 0x40;

/// Presence Ping.
pub(crate) fn ping(tag: u8) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    bytes.extend(ENTERPRISE);
    bytes.extend([PRESENCE_PING, tag, 0, 0]);
    bytes
}

/// Whether the one that answered a ping speaks IPMI; none for what is no answer to the ping with this tag.
pub(crate) fn pong(datagram: &[u8], tag: u8) -> Option<bool> {
    let mut reader = Reader(datagram);
    // The sequence number is the sender's affair: some put 0 there.
    let [version, _, _, class] = reader.array()?;
    let [kind, answered, _, _] = (reader.array()? == ENTERPRISE).then(|| reader.array())??;
    let is_pong = version == 0x06 && class == 0x06 && kind == PRESENCE_PONG && answered == tag;
    reader.bytes(8)?; // whose extensions it knows
    let entities = reader.u8()?;
    is_pong.then_some(entities & 0x80 != 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As ipmi_sim sends it.
    const PONG: [u8; 28] = [
        6, 0, 0xff, 6, 0, 0, 0x11, 0xbe, 0x40, 7, 0, 16, 0, 0, 0x11, 0xbe, 0, 0, 0, 0, 0x81, 0, 0,
        0, 0, 0, 0, 0,
    ];

    #[test]
    fn a_ping_is_as_the_standard_has_it() {
        assert_eq!(ping(7), [6, 0, 0xff, 6, 0, 0, 0x11, 0xbe, 0x80, 7, 0, 0]);
    }

    #[test]
    fn a_pong_tells_whether_ipmi_is_spoken() {
        let mut other = PONG;
        other[20] = 0x01;
        for (datagram, tag, expected) in [
            (&PONG[..], 7, Some(true)),
            (&other, 7, Some(false)),
            (&PONG, 8, None),
            (&PONG[..20], 7, None),
            (&ping(7), 7, None),
        ] {
            assert_eq!(pong(datagram, tag), expected, "{datagram:?} {tag}");
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = pong(&bytes, 1);
        }
    }
}
