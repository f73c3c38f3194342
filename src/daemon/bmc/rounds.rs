//! When each BMC is asked next how it does. Pure: the clock is given.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::base::bmc::BmcAddress;
use crate::base::name::HostName;
use crate::site::model::Bmc;

/// All BMCs of a site, by who is due next.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    each: BTreeMap<HostName, One>,
    /// Those that are not being asked.
    queue: BTreeSet<(Instant, HostName)>,
}

#[derive(Debug)]
struct One {
    bmc: Arc<Bmc>,
    /// None while it is asked.
    due: Option<Instant>,
}

impl Rounds {
    /// Takes the BMCs of a site. Those that are new, or other than before, are due now; those that are as they were keep their time.
    /// Returns where those are that are new or other: how they failed before, as for a plan, keeps them from nothing.
    pub(super) fn put(
        &mut self,
        bmcs: impl Iterator<Item = (HostName, Arc<Bmc>)>,
        now: Instant,
    ) -> Vec<BmcAddress> {
        let mut before = std::mem::take(&mut self.each);
        let mut others = Vec::new();
        for (host, bmc) in bmcs {
            let due = match before.remove(&host) {
                Some(one) if one.bmc == bmc => one.due,
                Some(_) => {
                    others.push(bmc.address());
                    Some(now)
                }
                None => {
                    others.push(bmc.address());
                    Some(now)
                }
            };
            self.each.insert(host, One { bmc, due });
        }
        let due = self.each.iter();
        let due = due.filter_map(|(host, one)| Some((one.due?, host.clone())));
        self.queue = due.collect();
        others
    }

    /// The next one that is due; it is asked from now on.
    pub(super) fn next(&mut self, now: Instant) -> Option<(HostName, Arc<Bmc>)> {
        let first = self.queue.first().filter(|(due, _)| *due <= now)?;
        let (_, host) = first.clone();
        self.queue.pop_first();
        let one = self.each.get_mut(&host)?;
        one.due = None;
        Some((host, Arc::clone(&one.bmc)))
    }

    /// When somebody is due next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.queue.first().map(|(due, _)| *due)
    }

    /// One was asked, and is to be asked again then; unless the site changed it meanwhile.
    pub(super) fn came(&mut self, host: HostName, due: Instant) {
        if let Some(one) = self.each.get_mut(&host)
            && one.due.is_none()
        {
            one.due = Some(due);
            self.queue.insert((due, host));
        }
    }
}

/// How long after it was asked a BMC is asked again: a tenth more or less, by its name, so that they come to be spread out.
pub(super) fn pause(host: &HostName, every: Duration) -> Duration {
    // FNV-1a.
    let hash = host.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    every * (900 + hash % 201) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::SecretRef;
    use crate::site::model::{BmcAccount, BmcProtocol};

    fn host(number: usize) -> HostName {
        format!("node-{number}").parse().unwrap()
    }

    fn bmc(number: usize, username: &str) -> (HostName, Arc<Bmc>) {
        let account = BmcAccount {
            address: [10, 0, 0, 1].into(),
            port: None,
            username: username.to_owned(),
            password: SecretRef::Env("X".to_owned()),
        };
        let protocol = BmcProtocol::Ipmi {
            account,
            cipher_suite: None,
            privilege: None,
            key: None,
        };
        (host(number), Arc::new(Bmc { protocol }))
    }

    /// Who is due, all of them.
    fn due(rounds: &mut Rounds, now: Instant) -> Vec<HostName> {
        std::iter::from_fn(|| rounds.next(now))
            .map(|(host, _)| host)
            .collect()
    }

    #[test]
    fn each_is_asked_when_it_is_due_and_once_at_a_time() {
        let begin = Instant::now();
        let later = |seconds| begin + Duration::from_secs(seconds);
        let mut rounds = Rounds::default();
        let others = rounds.put((0..3).map(|number| bmc(number, "admin")), begin);
        assert_eq!(others.len(), 3);
        assert_eq!(due(&mut rounds, begin), [host(0), host(1), host(2)]);
        assert_eq!((due(&mut rounds, later(99)), rounds.due()), (vec![], None));
        rounds.came(host(0), later(20));
        rounds.came(host(2), later(10));
        assert_eq!(rounds.due(), Some(later(10)));
        assert!(due(&mut rounds, later(9)).is_empty());
        // The site changes while one is asked: 0 stays, 1 has another user, 2 is gone, 3 is new.
        let site = [bmc(0, "admin"), bmc(1, "root"), bmc(3, "admin")];
        let others = rounds.put(site.into_iter(), later(12));
        assert_eq!(others, [bmc(1, "root").1.address(); 2]);
        rounds.came(host(1), later(100));
        assert_eq!(due(&mut rounds, later(12)), [host(1), host(3)]);
        rounds.came(host(2), later(13));
        assert_eq!(due(&mut rounds, later(20)), [host(0)]);
        // One that is being asked stays so.
        rounds.put([bmc(0, "admin")].into_iter(), later(21));
        assert!(due(&mut rounds, later(99)).is_empty());
        rounds.came(host(0), later(30));
        assert_eq!(rounds.due(), Some(later(30)));
    }

    #[test]
    fn pauses_differ_a_little() {
        let every = Duration::from_secs(300);
        let pauses: BTreeSet<Duration> = (0..100).map(|n| pause(&host(n), every)).collect();
        let (first, last) = (pauses.first().unwrap(), pauses.last().unwrap());
        assert!(*first >= every * 9 / 10 && *last <= every * 11 / 10);
        assert!(pauses.len() > 50, "{pauses:?}");
    }
}
