//! Which packets of a session came already (IPMI 2.0, section 6.12.13).

/// How far a packet may be late.
const WIDTH: u32 = 32;

/// The numbers of the packets that came last.
///
/// Only signed packets reach it, so that a number far ahead is a BMC's own, after a loss of many: the limit of 16 ahead that the
/// standard allows would end such a session for good.
#[derive(Debug, Clone, Default)]
pub(crate) struct Window {
    /// None before the first packet.
    highest: Option<u32>,
    /// Bit n: whether the packet n before the highest came.
    seen: u32,
}

impl Window {
    /// Whether a packet is new; it counts as seen from then on.
    pub(crate) fn admits(&mut self, number: u32) -> bool {
        if number == 0 {
            return false; // means "of no session"
        }
        let highest = *self.highest.get_or_insert(number);
        let ahead = number.wrapping_sub(highest);
        if ahead == 0 {
            let is_new = self.seen & 1 == 0;
            self.seen |= 1;
            return is_new;
        }
        if ahead < 1 << 31 {
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = Some(number);
            return true;
        }
        let behind = highest.wrapping_sub(number);
        let Some(bit) = 1_u32.checked_shl(behind).filter(|_| behind < WIDTH) else {
            return false;
        };
        let is_new = self.seen & bit == 0;
        self.seen |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn late_packets_are_admitted_once_and_very_late_ones_never() {
        let mut window = Window::default();
        for (number, expected) in [
            (0, false),
            (3, true),
            (3, false),
            (1, true),
            (2, true),
            (1, false),
            (1000, true),
            (969, true),
            (968, false),
            (969, false),
            (3, false),
            (u32::MAX, false),
        ] {
            assert_eq!(window.admits(number), expected, "{number}");
        }
    }

    #[test]
    fn numbers_begin_anew_after_the_last() {
        let mut window = Window::default();
        for (number, expected) in [
            (u32::MAX, true),
            (1, true),
            (u32::MAX, false),
            (u32::MAX - 1, true),
            (2, true),
        ] {
            assert_eq!(window.admits(number), expected, "{number}");
        }
    }

    proptest! {
        #[test]
        fn no_packet_is_admitted_twice(numbers in proptest::collection::vec(0_u32..90, 0..300)) {
            let (mut window, mut admitted) = (Window::default(), BTreeSet::new());
            for number in numbers {
                if window.admits(number) {
                    prop_assert!(admitted.insert(number), "{number} twice");
                }
            }
        }
    }
}
