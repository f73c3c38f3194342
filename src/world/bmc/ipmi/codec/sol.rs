//! Serial over LAN: characters in numbered packets, each acknowledged before the next (IPMI 2.0, section 15).

use std::collections::VecDeque;

use super::bytes::Reader;

/// What precedes the characters of a packet.
const HEADER: usize = 4;

/// What a packet to the BMC asks for beside its characters (table 15-2).
const BREAK: u8 = 0x10;

/// What a packet of the BMC tells beside its characters (table 15-2).
const REFUSED: u8 = 0x40;
const DEACTIVATED: u8 = 0x10;

/// How many characters a packet has at most, whatever the BMC would take, and how many any BMC takes.
const CHARACTERS: (usize, usize) = (8, 200);

/// How many characters wait at most until the BMC takes them.
const WAITING: usize = 4096;

/// How often a packet without characters is sent: some BMCs carry one out and do not acknowledge it (ipmi_sim), and to one that does,
/// it is the same packet.
const EMPTY: u8 = 3;

/// What is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Character(u8),
    Break,
    /// Nothing at all: see [`Line::begin`].
    Nothing,
}

/// A packet to the BMC that is not acknowledged yet.
#[derive(Debug, Clone)]
struct Sent {
    number: u8,
    operation: u8,
    characters: Vec<u8>,
    times: u8,
}

/// One end of a serial line. Knows no clock: who does tells it when to send again.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// How many characters fit a packet to the BMC.
    most: usize,
    typed: VecDeque<Key>,
    number: u8,
    sent: Option<Sent>,
    /// Whether the BMC takes nothing at present.
    is_held: bool,
    /// The BMC's packet that came last, and how many characters it had; and the number of the one before.
    came: Option<(u8, usize)>,
    before: u8,
}

/// What a packet of the BMC brings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Heard {
    pub(crate) characters: Vec<u8>,
    /// What is to be sent back.
    pub(crate) answer: Option<Vec<u8>>,
    /// Whether the BMC ends it: somebody else took the line, or an administrator did.
    pub(crate) has_ended: bool,
}

impl Line {
    /// A line to a BMC that takes payloads of this size.
    pub(crate) fn new(payload: u16) -> Self {
        let (least, most) = CHARACTERS;
        Self {
            most: usize::from(payload)
                .saturating_sub(HEADER)
                .clamp(least, most),
            typed: VecDeque::new(),
            number: 0,
            sent: None,
            is_held: false,
            came: None,
            before: 0,
        }
    }

    /// Begins with a packet of nothing. A BMC that remembers a number from whoever had the line before takes the first packet with that
    /// number for one that it has already, and drops what is in it.
    pub(crate) fn begin(&mut self) {
        self.typed.push_front(Key::Nothing);
    }

    /// Whether more may be typed.
    pub(crate) fn has_room(&self) -> bool {
        self.typed.len() < WAITING
    }

    pub(crate) fn type_in(&mut self, characters: &[u8]) {
        let keys = characters.iter().copied().map(Key::Character);
        self.typed.extend(keys);
    }

    pub(crate) fn type_break(&mut self) {
        self.typed.push_back(Key::Break);
    }

    /// Whether a packet is on its way.
    pub(crate) fn has_sent(&self) -> bool {
        self.sent.is_some()
    }

    /// Whether the next packet has to wait.
    pub(crate) fn is_waiting(&self) -> bool {
        self.has_sent() || self.is_held
    }

    /// Whether all that was typed is sent and acknowledged.
    pub(crate) fn is_idle(&self) -> bool {
        let is_nothing = |sent: &Sent| sent.operation == 0 && sent.characters.is_empty();
        self.sent.as_ref().is_none_or(is_nothing)
            && self.typed.iter().all(|key| *key == Key::Nothing)
    }

    /// The next packet, once the one before is acknowledged.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        if self.is_waiting() {
            return None;
        }
        let mut sent = Sent {
            number: self.number % 15 + 1,
            operation: 0,
            characters: Vec::new(),
            times: 1,
        };
        match self.typed.front()? {
            Key::Nothing => {
                self.typed.pop_front();
            }
            Key::Break => {
                self.typed.pop_front();
                sent.operation = BREAK;
            }
            Key::Character(_) => {
                while let Some(Key::Character(character)) = self
                    .typed
                    .front()
                    .copied()
                    .filter(|_| sent.characters.len() < self.most)
                {
                    self.typed.pop_front();
                    sent.characters.push(character);
                }
            }
        }
        self.number = sent.number;
        let packet = sent.packet();
        self.sent = Some(sent);
        Some(packet)
    }

    /// The packet that was not acknowledged in time, as it was; or what the BMC did not take then.
    pub(crate) fn again(&mut self) -> Option<Vec<u8>> {
        self.is_held = false;
        let given_up = self
            .sent
            .take_if(|sent| sent.characters.is_empty() && sent.times >= EMPTY);
        if let Some(Sent {
            operation: 0,
            number,
            ..
        }) = given_up
        {
            // Were it the number that such a BMC remembers, it would have been acknowledged.
            self.number = number.saturating_sub(1);
        }
        match &mut self.sent {
            Some(sent) => {
                sent.times = sent.times.saturating_add(1);
                Some(sent.packet())
            }
            None => self.next(),
        }
    }

    /// A packet of the BMC. Where there is no room for characters it is as if it never came: the BMC sends it again.
    pub(crate) fn hear(&mut self, payload: &[u8], has_room: bool) -> Option<Heard> {
        let mut reader = Reader(payload);
        let [number, acknowledged, accepted, status] = reader.array::<HEADER>()?;
        let characters = reader.rest();
        let mut heard = Heard {
            has_ended: status & DEACTIVATED != 0,
            ..Heard::default()
        };
        self.acknowledge(acknowledged & 0x0f, usize::from(accepted), status);
        let number = number & 0x0f;
        if number == 0 || !has_room {
            return Some(heard);
        }
        let fresh = match self.came {
            // Sent again, and perhaps with more than before.
            Some((last, count)) if last == number => characters.get(count..).unwrap_or_default(),
            // One that was sent again, and overtaken by the next.
            Some(_) if self.before == number => &[],
            _ => characters,
        };
        heard.characters = fresh.to_vec();
        if self.before != number || self.came.is_none() {
            let last = self.came.map(|(last, _)| last);
            self.before = match last {
                Some(last) if last != number => last,
                _ => self.before,
            };
            self.came = Some((number, characters.len()));
        }
        let count = u8::try_from(characters.len()).unwrap_or(u8::MAX);
        heard.answer = Some(vec![0, number, count, 0]);
        Some(heard)
    }

    /// What the BMC took of the packet that is on its way. The rest goes into the next packet (section 15.11).
    fn acknowledge(&mut self, number: u8, accepted: usize, status: u8) {
        let Some(sent) = self.sent.take_if(|sent| sent.number == number) else {
            return;
        };
        let rest = sent.characters.get(accepted..).unwrap_or_default();
        for character in rest.iter().rev() {
            self.typed.push_front(Key::Character(*character));
        }
        if status & REFUSED != 0 {
            if sent.operation == BREAK {
                self.typed.push_front(Key::Break);
            }
            self.is_held = true;
        }
    }
}

impl Sent {
    fn packet(&self) -> Vec<u8> {
        let mut packet = vec![self.number, 0, 0, self.operation];
        packet.extend(&self.characters);
        packet
    }
}

/// The data of Activate Payload (section 24.1): the first serial line, encrypted and signed.
pub(crate) const ACTIVATE: [u8; 6] = [0x01, 0x01, 0xc0, 0, 0, 0];

/// The data of Deactivate Payload (section 24.2).
pub(crate) const DEACTIVATE: [u8; 6] = [0x01, 0x01, 0, 0, 0, 0];

/// The data of Get Payload Instance Info (section 24.5).
pub(crate) const INSTANCE: [u8; 2] = [0x01, 0x01];

/// How large payloads may be that the BMC takes: from the answer to Activate Payload. The port in it is not used: BMCs name their own,
/// which need not be the one that leads to them.
pub(crate) fn payload_size(data: &[u8]) -> Option<u16> {
    let mut reader = Reader(data);
    reader.bytes(4)?;
    reader.u16()
}

/// Whose session has the line: from the answer to Get Payload Instance Info.
pub(crate) fn owner(data: &[u8]) -> Option<u32> {
    Reader(data).u32()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn characters_wait_until_those_before_are_acknowledged() {
        let mut line = Line::new(12);
        line.type_in(b"0123456789");
        assert_eq!(line.next().unwrap(), b"\x01\0\0\x0001234567");
        assert_eq!(line.next(), None);
        assert_eq!(line.again().unwrap(), b"\x01\0\0\x0001234567");
        // An acknowledgement of another packet is none.
        line.hear(&[0, 7, 8, 0], true).unwrap();
        assert_eq!(line.next(), None);
        line.hear(&[0, 1, 8, 0], true).unwrap();
        assert_eq!(line.next().unwrap(), b"\x02\0\0\x0089");
    }

    #[test]
    fn what_was_not_taken_is_sent_in_the_next_packet() {
        let mut line = Line::new(100);
        line.type_in(b"abcd");
        line.next().unwrap();
        line.hear(&[0, 1, 1, 0], true).unwrap();
        assert_eq!(line.next().unwrap(), b"\x02\0\0\0bcd");
        line.hear(&[0, 2, 1, REFUSED], true).unwrap();
        assert_eq!(line.next(), None, "the BMC takes nothing at present");
        assert_eq!(line.again().unwrap(), b"\x03\0\0\0cd");
    }

    #[test]
    fn a_break_has_its_place_between_characters() {
        let mut line = Line::new(100);
        line.type_in(b"a");
        line.type_break();
        line.type_in(b"b");
        for (number, packet) in [
            (1, &b"\x01\0\0\0a"[..]),
            (2, b"\x02\0\0\x10"),
            (3, b"\x03\0\0\0b"),
        ] {
            assert_eq!(line.next().unwrap(), packet);
            let count = u8::try_from(packet.len() - HEADER).unwrap();
            line.hear(&[0, number, count, 0], true).unwrap();
        }
        assert_eq!(line.next(), None);
    }

    #[test]
    fn what_is_not_acknowledged_and_has_no_characters_keeps_nothing_waiting() {
        let mut line = Line::new(100);
        line.begin();
        line.type_in(b"a");
        line.type_break();
        line.type_in(b"b");
        assert_eq!(line.next().unwrap(), [1, 0, 0, 0]);
        assert_eq!(line.again().unwrap(), [1, 0, 0, 0]);
        assert_eq!(line.again().unwrap(), [1, 0, 0, 0]);
        assert_eq!(line.again().unwrap(), b"\x01\0\0\0a");
        line.hear(&[0, 1, 1, 0], true).unwrap();
        for _ in 0..EMPTY {
            assert_eq!(line.again().unwrap(), [2, 0, 0, BREAK]);
            assert!(!line.is_idle());
        }
        assert_eq!(line.again().unwrap(), b"\x03\0\0\0b");
    }

    #[test]
    fn a_line_that_only_begins_is_idle() {
        let mut line = Line::new(100);
        line.begin();
        assert!(line.is_idle());
        line.next().unwrap();
        assert!(line.is_idle());
        line.type_break();
        assert!(!line.is_idle());
    }

    #[test]
    fn numbers_go_from_1_to_15() {
        let mut line = Line::new(100);
        let numbers: Vec<u8> = (0..17)
            .map(|_| {
                line.type_in(b"x");
                let number = line.next().unwrap()[0];
                line.hear(&[0, number, 1, 0], true).unwrap();
                number
            })
            .collect();
        let expected: Vec<u8> = (1..=15).chain(1..=2).collect();
        assert_eq!(numbers, expected);
    }

    #[test]
    fn characters_of_the_bmc_are_heard_once_and_acknowledged() {
        let mut line = Line::new(100);
        for (packet, has_room, heard, answer) in [
            (&b"\x01\0\0\0abc"[..], true, &b"abc"[..], Some([0, 1, 3, 0])),
            (b"\x01\0\0\0abc", true, b"", Some([0, 1, 3, 0])),
            (b"\x01\0\0\0abcd", true, b"d", Some([0, 1, 4, 0])),
            (b"\x02\0\0\0ef", false, b"", None),
            (b"\x02\0\0\0ef", true, b"ef", Some([0, 2, 2, 0])),
            (b"\x01\0\0\0abcd", true, b"", Some([0, 1, 4, 0])),
            (b"\x03\0\0\0g", true, b"g", Some([0, 3, 1, 0])),
            (b"\0\x09\0\0", true, b"", None),
        ] {
            let expected = Heard {
                characters: heard.to_vec(),
                answer: answer.map(|answer| answer.to_vec()),
                has_ended: false,
            };
            assert_eq!(line.hear(packet, has_room), Some(expected), "{packet:?}");
        }
        let ended = line.hear(&[0, 0, 0, DEACTIVATED], true).unwrap();
        assert!(ended.has_ended);
        assert_eq!(line.hear(&[0, 0, 0], true), None);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 0..20)) {
            let mut line = Line::new(0);
            for packet in packets {
                line.type_in(b"typed");
                let _ = line.next();
                let _ = line.hear(&packet, true);
                let _ = line.again();
                prop_assert!(line.typed.len() <= 5 * 20);
            }
        }

        /// Two lines joined by a network that drops and doubles: what is typed at one end comes out at the other.
        #[test]
        fn a_bad_network_costs_nothing_but_time(
            typed in proptest::collection::vec(any::<u8>(), 1..60),
            fates in proptest::collection::vec(0_u8..3, 400),
        ) {
            let (mut ours, mut theirs) = (Line::new(12), Line::new(12));
            let (mut heard, mut fates) = (Vec::new(), fates.into_iter());
            ours.type_in(&typed);
            while let Some(packet) = ours.again() {
                for _ in 0..fates.next().unwrap_or(1) {
                    let came = theirs.hear(&packet, true).unwrap();
                    heard.extend(came.characters);
                    for _ in 0..fates.next().unwrap_or(1) {
                        ours.hear(&came.answer.clone().unwrap(), true).unwrap();
                    }
                }
            }
            prop_assert_eq!(heard, typed);
        }
    }
}
