//! How it went with each BMC that failed, and so when it may be asked again by itself. Pure: the clock is given.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::base::bmc::BmcAddress;
use crate::base::digest::Digest;

/// How long a BMC is left alone after its first failure; twice as long after each further one.
const FIRST: Duration = Duration::from_secs(10);

/// And at most.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// More BMCs than these are of no site.
const MOST: usize = 65_536;

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    /// It does not answer, is not trusted, or fails.
    Failed,
    /// It refused this account.
    Refused(Digest),
}

/// Those that did not go well. One for each BMC of a site, and for each that a plan named and was refused by.
#[derive(Default)]
pub(super) struct Standings(HashMap<BmcAddress, Bad>);

enum Bad {
    Failing { times: u32, until: Instant },
    Refusing(Digest),
}

impl Standings {
    pub(super) fn came(&mut self, address: BmcAddress, standing: Standing, now: Instant) {
        let bad = match standing {
            Standing::Good => {
                self.0.remove(&address);
                return;
            }
            Standing::Refused(account) => Bad::Refusing(account),
            Standing::Failed => {
                // One that refused us and then does not answer still refuses us.
                let times = match self.0.get(&address) {
                    Some(Bad::Refusing(_)) => return,
                    Some(Bad::Failing { times, .. }) => times.saturating_add(1),
                    None => 1,
                };
                let until = now + pause(address, times);
                Bad::Failing { times, until }
            }
        };
        self.0.insert(address, bad);
    }

    /// Until when it is left alone; none where it may be asked.
    pub(super) fn not_before(&self, address: BmcAddress, now: Instant) -> Option<Instant> {
        match self.0.get(&address)? {
            Bad::Failing { until, .. } => Some(*until).filter(|until| *until > now),
            Bad::Refusing(_) => None,
        }
    }

    /// Whether it refused this very account the last time.
    pub(super) fn is_refused(&self, address: BmcAddress, account: Digest) -> bool {
        match self.0.get(&address) {
            Some(Bad::Refusing(refused)) => *refused == account,
            Some(Bad::Failing { .. }) | None => false,
        }
    }

    /// It is spoken with otherwise from now on: how it failed before says nothing of that. What it refused it still refuses.
    pub(super) fn forgive(&mut self, address: BmcAddress) {
        if let Some(Bad::Failing { .. }) = self.0.get(&address) {
            self.0.remove(&address);
        }
    }

    /// Forgets the others, but for what they refused: a plan may name one that is not in force, and each further try may lock an account.
    pub(super) fn retain(&mut self, is_known: impl Fn(BmcAddress) -> bool) {
        let are_few = self.0.len() <= MOST;
        self.0.retain(|address, bad| match bad {
            Bad::Failing { .. } => is_known(*address),
            Bad::Refusing(_) => are_few || is_known(*address),
        });
    }
}

/// Doubles; and differs by up to a quarter from BMC to BMC, so that those of a rack that lost its power do not come back together.
fn pause(address: BmcAddress, times: u32) -> Duration {
    let doubled = 1 << (times - 1).min(16);
    let pause = (FIRST * doubled).min(LONGEST);
    pause + pause / 4 * spread(address, times) / u32::from(u8::MAX)
}

/// A number of 0 to 255 that looks like none of its neighbours' (FNV-1a).
fn spread(address: BmcAddress, times: u32) -> u32 {
    let bytes = address.bytes().into_iter().chain(times.to_le_bytes());
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (hash >> 24) & 0xff
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::net::Ipv4Addr;

    fn at(number: u32) -> BmcAddress {
        BmcAddress::Ip(Ipv4Addr::from_bits(0x0a00_0000 + number).into(), None)
    }

    #[test]
    fn a_bmc_that_fails_is_left_alone_for_longer_each_time() {
        let mut standings = Standings::default();
        let mut now = Instant::now();
        for (times, least) in [10, 20, 40, 80, 160, 320, 640, 1280, 1800, 1800]
            .into_iter()
            .enumerate()
        {
            assert_eq!(standings.not_before(at(1), now), None, "{times}");
            standings.came(at(1), Standing::Failed, now);
            let until = standings.not_before(at(1), now).unwrap();
            let (least, pause) = (Duration::from_secs(least), until - now);
            assert!(pause >= least && pause <= least * 5 / 4, "{pause:?}");
            assert_eq!(standings.not_before(at(2), now), None);
            now = until;
        }
        standings.came(at(1), Standing::Good, now);
        assert!(standings.0.is_empty());
        standings.came(at(1), Standing::Failed, now);
        let until = standings.not_before(at(1), now).unwrap();
        assert!(until <= now + FIRST * 5 / 4, "it begins anew");
        standings.forgive(at(1));
        assert_eq!(standings.not_before(at(1), now), None);
    }

    #[test]
    fn no_two_of_a_rack_come_back_together() {
        let pauses: BTreeSet<Duration> = (0..48).map(|number| pause(at(number), 3)).collect();
        assert!(pauses.len() > 40, "{pauses:?}");
    }

    #[test]
    fn credentials_that_were_refused_are_until_there_are_others() {
        let (old, new) = (Digest::of(b"old"), Digest::of(b"new"));
        let now = Instant::now();
        let mut standings = Standings::default();
        for (standing, is_refused) in [
            (None, [false, false]),
            (Some(Standing::Refused(old)), [true, false]),
            (Some(Standing::Failed), [true, false]),
            (Some(Standing::Refused(new)), [false, true]),
            (Some(Standing::Good), [false, false]),
            (Some(Standing::Failed), [false, false]),
            (Some(Standing::Refused(old)), [true, false]),
        ] {
            if let Some(standing) = standing {
                standings.came(at(1), standing, now);
            }
            let told = [old, new].map(|account| standings.is_refused(at(1), account));
            assert_eq!(told, is_refused, "{standing:?}");
            assert!(!standings.is_refused(at(2), old));
        }
        standings.forgive(at(1));
        assert!(standings.is_refused(at(1), old), "it has seen it");
        standings.came(at(3), Standing::Failed, now);
        standings.retain(|address| address == at(2));
        assert!(standings.is_refused(at(1), old), "a plan may name it");
        assert_eq!(standings.not_before(at(3), now), None);
        for number in 0..u32::try_from(MOST).unwrap() {
            standings.came(at(4 + number), Standing::Refused(old), now);
        }
        standings.retain(|address| address == at(2));
        assert!(standings.0.is_empty(), "too many to be of a site");
    }
}
