//! Echo messages of ICMP and ICMPv6 (RFC 792, RFC 4443 4).

/// The echo messages of a family.
#[derive(Debug)]
pub struct Echo {
    request: u8,
    reply: u8,
    /// Whether a received message has its IP header in front.
    has_header: bool,
}

pub const V4: Echo = Echo {
    request: 8,
    reply: 0,
    has_header: true,
};

pub const V6: Echo = Echo {
    request: 128,
    reply: 129,
    has_header: false,
};

impl Echo {
    /// An echo request without data. The kernel sums up messages of ICMPv6 itself (RFC 3542 3.1).
    pub fn request(&self, id: [u8; 2]) -> Vec<u8> {
        let [high, low] = id;
        let sum = u32::from(self.request) << 8;
        let sum = sum + u32::from(u16::from_be_bytes(id));
        let folded = u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap_or(u16::MAX);
        let [first, second] = (!folded).to_be_bytes();
        vec![self.request, 0, first, second, high, low, 0, 0]
    }

    /// Whether a received message answers a request with `id`.
    pub fn is_reply(&self, received: &[u8], id: [u8; 2]) -> bool {
        let header = match received.first() {
            Some(first) if self.has_header => usize::from(first & 0x0f) * 4,
            Some(_) | None => 0,
        };
        let message = received.get(header..).unwrap_or_default();
        let Some([kind, _, _, _, high, low, ..]) = message.first_chunk::<8>() else {
            return false;
        };
        *kind == self.reply && [*high, *low] == id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_has_its_checksum_and_a_reply_is_told_from_it() {
        let asked = V4.request([0xf2, 0x34]);
        assert_eq!(asked, [8, 0, 0x05, 0xcb, 0xf2, 0x34, 0, 0]);
        let mut reply = vec![0x45; 20];
        reply.extend([0, 0, 0, 0, 0xf2, 0x34, 0, 0]);
        assert!(V4.is_reply(&reply, [0xf2, 0x34]));
        assert!(!V4.is_reply(&reply, [0xf2, 0x35]));
        assert!(!V6.is_reply(&reply, [0xf2, 0x34]));
        for length in 0..reply.len() {
            assert!(!V4.is_reply(&reply[..length], [0xf2, 0x34]), "{length}");
        }
    }

    proptest! {
        #[test]
        fn nonsense_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = (V4.is_reply(&bytes, [1, 2]), V6.is_reply(&bytes, [1, 2]));
        }
    }
}
