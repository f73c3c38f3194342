//! Options in a message: long ones split, all within the size that the client takes; and what routes on the wire say.

/// Whether routes on the wire lead everywhere.
pub(super) fn has_default_route(mut routes: &[u8]) -> bool {
    while let [length, rest @ ..] = routes {
        if *length == 0 {
            return true;
        }
        let beyond = usize::from(length.div_ceil(8)) + 4;
        routes = rest.get(beyond..).unwrap_or_default();
    }
    false
}

/// The default route through the first of some routers, as it stands among routes.
pub(super) fn default_route(routers: &[u8]) -> Option<[u8; 5]> {
    let [a, b, c, d] = *routers.first_chunk()?;
    Some([0, a, b, c, d])
}

/// Appends options to a message while they fit.
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// Length of the message at most, the end mark included.
    most: usize,
}

impl Writer {
    /// Continues the message `bytes`, which may become `most` bytes long; `reserved` of them are kept for [`Self::finish`].
    pub(super) fn new(bytes: Vec<u8>, most: usize, reserved: usize) -> Self {
        Self {
            bytes,
            most: most.saturating_sub(reserved).saturating_sub(1),
        }
    }

    /// Adds an option, in parts where it is longer than 255 bytes (RFC 3396). Where it does not fit, it is left out whole, and the
    /// answer is `false`.
    pub(super) fn put(&mut self, code: u8, value: &[u8]) -> bool {
        let fits = self.bytes.len() + wire_length(value) <= self.most;
        if fits {
            self.append(code, value);
        }
        fits
    }

    /// Ends the message with `last`, for which room was kept, and pads it to what BOOTP relays and clients expect.
    pub(super) fn finish(mut self, last: Option<(u8, &[u8])>) -> Vec<u8> {
        if let Some((code, value)) = last {
            self.append(code, value);
        }
        self.bytes.push(255);
        // RFC 1542 2.1: a BOOTP message is 300 bytes long.
        if self.bytes.len() < 300 {
            self.bytes.resize(300, 0);
        }
        self.bytes
    }

    fn append(&mut self, code: u8, value: &[u8]) {
        let parts: &mut dyn Iterator<Item = &[u8]> = if value.is_empty() {
            &mut std::iter::once(value)
        } else {
            &mut value.chunks(255)
        };
        for part in parts {
            self.bytes.push(code);
            self.bytes.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
            self.bytes.extend_from_slice(part);
        }
    }
}

/// Bytes that an option takes, its codes and lengths included.
pub(super) fn wire_length(value: &[u8]) -> usize {
    value.len() + 2 * value.len().div_ceil(255).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_route_is_found_among_others() {
        for (routes, expected) in [
            (&[][..], false),
            (&[16, 10, 99, 10, 0, 0, 9], false),
            (&[16, 10, 99, 10, 0, 0, 9, 0, 10, 0, 0, 1], true),
            (&[16, 0, 0, 0], false),
            (&[33, 0], false),
        ] {
            assert_eq!(has_default_route(routes), expected, "{routes:?}");
        }
    }

    #[test]
    fn long_values_are_split_and_what_does_not_fit_is_left_out() {
        let mut writer = Writer::new(Vec::new(), 310, 2);
        writer.put(1, &[7; 300]);
        writer.put(2, &[]);
        writer.put(3, &[8]);
        let bytes = writer.finish(Some((82, &[])));
        assert_eq!(bytes.get(..2), Some(&[1, 255][..]));
        assert_eq!(bytes.get(257..259), Some(&[1, 45][..]));
        assert_eq!(bytes.get(304..), Some(&[2, 0, 82, 0, 255][..]));
        assert_eq!(Writer::new(Vec::new(), 576, 0).finish(None).len(), 300);
    }
}
