//! Sessions that are open and that nobody uses, each for a short time. Pure: knows sessions only as something to hand out again.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::base::digest::Digest;

/// Sessions that are kept at most; the one that is idle longest makes room.
const MOST: usize = 256;

/// What is kept.
pub(super) struct Shelf<S> {
    kept: HashMap<IpAddr, Kept<S>>,
    within: Duration,
}

struct Kept<S> {
    /// Of the target that it was opened for.
    seal: Digest,
    session: S,
    since: Instant,
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

/// What came of putting one there.
#[derive(Debug, PartialEq)]
pub(super) struct Put<S> {
    /// What made room, to be closed.
    pub(super) surplus: Option<S>,
    /// Whether there was nothing before.
    pub(super) is_first: bool,
}

impl<S> Shelf<S> {
    pub(super) fn new(within: Duration) -> Self {
        Self {
            kept: HashMap::new(),
            within,
        }
    }

    /// Takes what is kept for a BMC.
    pub(super) fn take(&mut self, address: IpAddr, seal: Digest) -> Found<S> {
        match self.kept.remove(&address) {
            None => Found::Nothing,
            Some(kept) if kept.seal == seal => Found::Same(kept.session),
            Some(kept) => Found::Other(kept.session),
        }
    }

    pub(super) fn put(
        &mut self,
        address: IpAddr,
        seal: Digest,
        session: S,
        now: Instant,
    ) -> Put<S> {
        let is_first = self.kept.is_empty();
        let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.since);
        let oldest = oldest.map(|(address, _)| *address);
        let surplus = oldest.filter(|_| self.kept.len() >= MOST);
        let surplus = surplus.and_then(|oldest| self.kept.remove(&oldest));
        let kept = Kept {
            seal,
            session,
            since: now,
        };
        let before = self.kept.insert(address, kept);
        Put {
            surplus: before.or(surplus).map(|kept| kept.session),
            is_first,
        }
    }

    /// When the next one is over; none where nothing is kept.
    pub(super) fn due(&self) -> Option<Instant> {
        let oldest = self.kept.values().map(|kept| kept.since).min();
        oldest.map(|since| since + self.within)
    }

    /// Takes those whose time is over.
    pub(super) fn over(&mut self, now: Instant) -> Vec<S> {
        let over = self
            .kept
            .extract_if(|_, kept| kept.since + self.within <= now);
        over.map(|(_, kept)| kept.session).collect()
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

    fn at(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn a_session_is_found_again_by_who_would_open_the_same() {
        let begin = Instant::now();
        let later = |seconds| begin + Duration::from_secs(seconds);
        let (own, other) = (Digest::of(b"own"), Digest::of(b"other"));
        let mut shelf = Shelf::new(Duration::from_secs(10));
        assert_eq!(shelf.due(), None);
        assert_eq!(shelf.take(at(1), own), Found::Nothing);
        let put = |shelf: &mut Shelf<u32>, number: u32, seconds| {
            shelf.put(at(number), own, number, later(seconds))
        };
        let first = |is_first| Put {
            surplus: None,
            is_first,
        };
        assert_eq!(put(&mut shelf, 1, 0), first(true));
        assert_eq!(put(&mut shelf, 2, 4), first(false));
        assert_eq!(shelf.take(at(1), own), Found::Same(1));
        assert_eq!(shelf.take(at(1), own), Found::Nothing);
        assert_eq!(shelf.take(at(2), other), Found::Other(2));
        put(&mut shelf, 1, 10);
        put(&mut shelf, 2, 12);
        assert_eq!(shelf.due(), Some(later(20)));
        assert!(shelf.over(later(19)).is_empty());
        assert_eq!(shelf.over(later(20)), [1]);
        assert_eq!(shelf.due(), Some(later(22)));
        assert_eq!(shelf.all(), [2]);
        assert_eq!(shelf.due(), None);
    }

    #[test]
    fn the_one_that_is_idle_longest_makes_room() {
        let begin = Instant::now();
        let seal = Digest::of(b"");
        let mut shelf = Shelf::new(Duration::from_secs(10));
        for number in 0..MOST as u32 + 3 {
            let now = begin + Duration::from_millis(number.into());
            let put = shelf.put(at(number), seal, number, now);
            assert_eq!(put.surplus, number.checked_sub(MOST as u32));
        }
        assert_eq!(shelf.all().len(), MOST);
    }
}
