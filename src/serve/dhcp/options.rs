//! Options in a message: long ones split, all within the size that the client takes; and what routes on the wire say.

use super::wire::code;

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

/// `file` and `sname`, in the order in which parts of an option are joined (RFC 3396 5): the flag in option 52, and where they lie.
const FIELDS: [(u8, usize, usize); 2] = [(1, 108, 236), (2, 44, 108)];

/// A field of the fixed part that may have options, its end mark aside.
#[derive(Clone, Copy)]
struct Spare {
    flag: u8,
    /// What was written ends here.
    at: usize,
    begin: usize,
    end: usize,
}

impl Spare {
    fn room(self) -> usize {
        self.end.saturating_sub(self.at)
    }

    fn is_used(self) -> bool {
        self.at > self.begin
    }
}

/// Appends options to a message while they fit.
pub(super) struct Writer<'a> {
    bytes: Vec<u8>,
    /// Where the options begin.
    begin: usize,
    /// Length of the message at most.
    most: usize,
    /// Where the next options must end: what follows them has room.
    limit: usize,
    /// The option that ends the message, while there is to be one.
    last: Option<(u8, &'a [u8])>,
    /// None while options go into their own field alone.
    spares: Option<[Spare; 2]>,
    is_short: bool,
}

impl<'a> Writer<'a> {
    /// Continues the message `bytes`, which may become `most` bytes long, `last` among them.
    pub(super) fn new(bytes: Vec<u8>, most: usize, last: Option<(u8, &'a [u8])>) -> Self {
        let mut writer = Self {
            begin: bytes.len(),
            bytes,
            most,
            limit: 0,
            last: None,
            spares: None,
            is_short: false,
        };
        writer.begin_anew(last);
        writer
    }

    /// Forgets all options, and keeps room for `last`.
    pub(super) fn begin_anew(&mut self, last: Option<(u8, &'a [u8])>) {
        self.bytes.truncate(self.begin);
        for spare in self.spares.take().into_iter().flatten() {
            let used = self.bytes.get_mut(spare.begin..spare.at);
            used.unwrap_or_default().fill(0);
        }
        let kept = last.map_or(0, |(_, value)| wire_length(value));
        self.limit = self.most.saturating_sub(kept).saturating_sub(1);
        self.last = last;
    }

    /// Whether there was not room for everything, also before the options were forgotten.
    pub(super) fn is_short(&self) -> bool {
        self.is_short || !self.has_room()
    }

    /// Whether the message ends with an option that room is kept for.
    pub(super) fn has_last(&self) -> bool {
        self.last.is_some()
    }

    /// Whether what is there already fits.
    pub(super) fn has_room(&self) -> bool {
        self.bytes.len() <= self.limit
    }

    /// Lets what follows go into `file` and `sname`, too, which must be empty, where there is room to say so.
    pub(super) fn overload(&mut self) {
        let noted = wire_length(&[0]);
        if self.room() >= noted {
            self.limit -= noted;
            self.spares = Some(FIELDS.map(|(flag, begin, end)| Spare {
                flag,
                at: begin,
                begin,
                end: end - 1,
            }));
        }
    }

    /// Adds an option, in parts where it is longer than 255 bytes (RFC 3396). Where it does not fit, it is left out whole, and the
    /// answer is `false`.
    pub(super) fn put(&mut self, code: u8, value: &[u8]) -> bool {
        let fits = wire_length(value) <= self.room();
        if fits {
            self.append(code, value);
        }
        let fits = fits || self.put_in_spares(code, value);
        self.is_short |= !fits;
        fits
    }

    /// The same where the options' own field has no room for all of it: whole in one of the others, else in parts.
    fn put_in_spares(&mut self, code: u8, value: &[u8]) -> bool {
        let room = self.room();
        let Some(spares) = &mut self.spares else {
            return false;
        };
        let whole = wire_length(value);
        if let Some(spare) = spares.iter_mut().find(|spare| whole <= spare.room()) {
            write(&mut self.bytes, spare, code, value);
            return true;
        }
        let [first, second] = spares;
        let rooms = [room, first.room(), second.room()].map(value_length);
        if value.is_empty() || rooms.iter().sum::<usize>() < value.len() {
            return false;
        }
        let [own, in_first, _] = rooms;
        let (own, rest) = value.split_at_checked(own).unwrap_or((value, &[]));
        let (one, other) = rest.split_at_checked(in_first).unwrap_or((rest, &[]));
        for (spare, part) in [(first, one), (second, other)] {
            if !part.is_empty() {
                write(&mut self.bytes, spare, code, part);
            }
        }
        if !own.is_empty() {
            self.append(code, own);
        }
        true
    }

    /// Ends the message, and pads it to what BOOTP relays and clients expect.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let mut used = 0;
        for spare in self
            .spares
            .into_iter()
            .flatten()
            .filter(|one| one.is_used())
        {
            used |= spare.flag;
            if let Some(end) = self.bytes.get_mut(spare.at) {
                *end = 255;
            }
        }
        if used != 0 {
            self.append(code::OVERLOAD, &[used]);
        }
        if let Some((code, value)) = self.last {
            self.append(code, value);
        }
        self.bytes.push(255);
        // RFC 1542 2.1: a BOOTP message is 300 bytes long.
        if self.bytes.len() < 300 {
            self.bytes.resize(300, 0);
        }
        self.bytes
    }

    fn room(&self) -> usize {
        self.limit.saturating_sub(self.bytes.len())
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

/// Writes an option, or a part of one, into a field that has room for it, and so is not longer than 255 bytes.
fn write(bytes: &mut [u8], spare: &mut Spare, code: u8, part: &[u8]) {
    let length = u8::try_from(part.len()).unwrap_or(u8::MAX);
    let whole = [code, length].into_iter().chain(part.iter().copied());
    let field = bytes.get_mut(spare.at..spare.end).unwrap_or_default();
    for (into, byte) in field.iter_mut().zip(whole) {
        *into = byte;
        spare.at += 1;
    }
}

/// Bytes that an option takes, its codes and lengths included.
fn wire_length(value: &[u8]) -> usize {
    value.len() + 2 * value.len().div_ceil(255).max(1)
}

/// The longest value that so many bytes hold, its codes and lengths included.
fn value_length(room: usize) -> usize {
    room / 257 * 255 + (room % 257).saturating_sub(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::dhcp::wire::{COOKIE, Message};

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
        let mut writer = Writer::new(Vec::new(), 310, Some((82, &[])));
        writer.put(1, &[7; 300]);
        writer.put(2, &[]);
        assert!(!writer.is_short());
        writer.put(3, &[8]);
        assert!(writer.is_short());
        let bytes = writer.finish();
        assert_eq!(bytes.get(..2), Some(&[1, 255][..]));
        assert_eq!(bytes.get(257..259), Some(&[1, 45][..]));
        assert_eq!(bytes.get(304..), Some(&[2, 0, 82, 0, 255][..]));
        assert_eq!(Writer::new(Vec::new(), 576, None).finish().len(), 300);
    }

    /// Which length fits into so much, and that one more does not.
    #[test]
    fn rooms_hold_what_they_can() {
        for room in 3..1000 {
            let most = value_length(room);
            assert!(wire_length(&vec![0; most]) <= room, "{room}");
            assert!(wire_length(&vec![0; most + 1]) > room, "{room}");
        }
    }

    /// Options of any lengths, before and after those of an attempt that was given up: each is there or not, in whole.
    #[test]
    fn parts_lie_in_the_order_in_which_they_are_joined() {
        let value = |length: usize| (0..=250).cycle().take(length).collect::<Vec<u8>>();
        for lengths in [
            [40, 180, 3],
            [0, 0, 0],
            [61, 255, 1],
            [300, 125, 61],
            [58, 126, 300],
            [190, 190, 190],
            [59, 60, 125],
            [700, 2, 700],
        ] {
            let mut fixed = vec![0; 240];
            fixed[..3].copy_from_slice(&[1, 1, 6]);
            fixed[28] = 2;
            fixed[236..].copy_from_slice(&COOKIE);
            let mut writer = Writer::new(fixed, 300, Some((82, &[9])));
            writer.overload();
            writer.put(4, &[1; 200]);
            writer.begin_anew(Some((82, &[9])));
            writer.overload();
            let codes = [1, 2, 3].into_iter().zip(lengths);
            let fit = codes.map(|(code, length)| writer.put(code, &value(length)));
            let fit: Vec<bool> = fit.collect();
            let bytes = writer.finish();
            assert_eq!(bytes.len(), 300, "{lengths:?}");
            let read = Message::read(&bytes).unwrap().options;
            for ((code, length), fits) in [1, 2, 3].into_iter().zip(lengths).zip(fit) {
                let expected = fits.then(|| value(length));
                assert_eq!(
                    read.get(code).as_deref(),
                    expected.as_deref(),
                    "{lengths:?}"
                );
            }
            assert_eq!(read.get(82).as_deref(), Some(&[9][..]));
            assert!(!read.has(4));
        }
    }
}
