//! Sessions that are open and that nobody uses, each for a short time. Pure: knows sessions only as something to hand out again.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::base::bmc::BmcAddress;
use crate::base::digest::Digest;

/// Sessions that are kept at most; the one that is idle longest makes room, as soon as its BMC's turn has come.
const MOST: usize = 256;

/// What is kept.
pub(super) struct Shelf<S> {
    kept: HashMap<BmcAddress, Kept<S>>,
    within: Duration,
    /// Whether somebody looks after those that are over.
    is_swept: bool,
}

struct Kept<S> {
    /// Of the target that it was opened for.
    seal: Digest,
    session: S,
    until: Instant,
}

/// What is there for one who comes.
#[derive(Debug, PartialEq)]
pub(super) enum Found<S> {
    Nothing,
    /// Opened for the same.
    Same(S),
    /// Opened for another, and to be closed: the BMC has one session with us.
    Other(S),
}

/// What is to be done when one was put there.
#[derive(Debug, PartialEq)]
pub(super) struct Put {
    /// The BMC whose session is over, to make room.
    pub(super) surplus: Option<BmcAddress>,
    /// Somebody must look after those that will be over.
    pub(super) needs_sweep: bool,
}

impl<S> Shelf<S> {
    pub(super) fn new(within: Duration) -> Self {
        Self {
            kept: HashMap::new(),
            within,
            is_swept: false,
        }
    }

    /// Takes what is kept for a BMC.
    pub(super) fn take(&mut self, address: BmcAddress, seal: Digest) -> Found<S> {
        match self.kept.remove(&address) {
            None => Found::Nothing,
            Some(kept) if kept.seal == seal => Found::Same(kept.session),
            Some(kept) => Found::Other(kept.session),
        }
    }

    pub(super) fn put(
        &mut self,
        address: BmcAddress,
        seal: Digest,
        session: S,
        now: Instant,
    ) -> Put {
        let (mut surplus, is_full) = (None, self.kept.len() >= MOST);
        // Those that are over already wait for their turn to go.
        let kept = self.kept.iter_mut().filter(|(_, kept)| kept.until > now);
        let oldest = kept.min_by_key(|(_, kept)| kept.until);
        if let Some((oldest, kept)) = oldest.filter(|_| is_full) {
            kept.until = now;
            surplus = Some(*oldest);
        }
        let kept = Kept {
            seal,
            session,
            until: now + self.within,
        };
        // Whoever puts one there took what was there before.
        self.kept.insert(address, kept);
        let needs_sweep = !std::mem::replace(&mut self.is_swept, true);
        Put {
            surplus,
            needs_sweep,
        }
    }

    /// When the next one is over; none where nothing is kept, and nobody looks any more.
    pub(super) fn due(&mut self) -> Option<Instant> {
        let due = self.kept.values().map(|kept| kept.until).min();
        self.is_swept = due.is_some();
        due
    }

    /// Whose time is over.
    pub(super) fn over(&self, now: Instant) -> Vec<BmcAddress> {
        let over = self.kept.iter().filter(|(_, kept)| kept.until <= now);
        over.map(|(address, _)| *address).collect()
    }

    /// Takes what is kept for a BMC if its time is over.
    pub(super) fn take_over(&mut self, address: BmcAddress, now: Instant) -> Option<S> {
        let is_over = self.kept.get(&address)?.until <= now;
        let over = is_over.then(|| self.kept.remove(&address))?;
        over.map(|kept| kept.session)
    }

    /// Takes all.
    pub(super) fn all(&mut self) -> Vec<S> {
        self.kept.drain().map(|(_, kept)| kept.session).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn at(number: u32) -> BmcAddress {
        BmcAddress::Ip(Ipv4Addr::from_bits(number).into(), None)
    }

    fn seal() -> Digest {
        Digest::of(b"own")
    }

    #[test]
    fn a_session_is_found_again_by_who_would_open_the_same() {
        let mut shelf = Shelf::new(Duration::from_secs(10));
        let now = Instant::now();
        for number in [1, 2] {
            assert_eq!(shelf.take(at(number), seal()), Found::Nothing);
            shelf.put(at(number), seal(), number, now);
        }
        assert_eq!(shelf.take(at(1), seal()), Found::Same(1));
        assert_eq!(shelf.take(at(1), seal()), Found::Nothing);
        assert_eq!(shelf.take(at(2), Digest::of(b"other")), Found::Other(2));
    }

    #[test]
    fn each_is_over_after_a_while_and_one_looks_after_them() {
        let begin = Instant::now();
        let later = |seconds| begin + Duration::from_secs(seconds);
        let mut shelf = Shelf::new(Duration::from_secs(10));
        let puts = |shelf: &mut Shelf<u32>, number: u32, seconds| {
            shelf
                .put(at(number), seal(), number, later(seconds))
                .needs_sweep
        };
        assert_eq!(shelf.due(), None);
        assert!(puts(&mut shelf, 1, 0));
        assert!(!puts(&mut shelf, 2, 2));
        assert_eq!(shelf.due(), Some(later(10)));
        assert!(shelf.over(later(9)).is_empty());
        assert_eq!(shelf.over(later(10)), [at(1)]);
        assert_eq!(shelf.take_over(at(2), later(10)), None);
        assert_eq!(shelf.take_over(at(1), later(10)), Some(1));
        assert_eq!(shelf.take_over(at(1), later(10)), None);
        // Somebody came, and went.
        assert_eq!(shelf.take(at(2), seal()), Found::Same(2));
        assert!(!puts(&mut shelf, 2, 5));
        assert_eq!(shelf.due(), Some(later(15)));
        assert_eq!(shelf.all(), [2]);
        assert_eq!(shelf.due(), None);
        assert!(puts(&mut shelf, 1, 20), "nobody looked any more");
    }

    #[test]
    fn the_one_that_is_idle_longest_makes_room() {
        let begin = Instant::now();
        let mut shelf = Shelf::new(Duration::from_secs(10));
        let most = u32::try_from(MOST).unwrap();
        for number in 0..most + 3 {
            let now = begin + Duration::from_millis(number.into());
            let put = shelf.put(at(number), seal(), number, now);
            let expected = number.checked_sub(most);
            assert_eq!(put.surplus, expected.map(at));
            let surplus = put.surplus.and_then(|oldest| shelf.take_over(oldest, now));
            assert_eq!(surplus, expected);
        }
        assert_eq!(shelf.all().len(), MOST);
    }
}
