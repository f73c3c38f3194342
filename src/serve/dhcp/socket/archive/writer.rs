//! The thread that writes the past, and forgets it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::unread::Unread;
use super::{Kept, Noted};
use crate::serve::dhcp::history::{AT, HOURS, MOST, Past, UNTIL, in_hour};
use crate::store::{Batch, Store, StoreError, Write};

/// Ends written at once.
const AT_ONCE: usize = 1024;

/// How long ends are gathered: a lease that runs out alone is worth no sync of its own.
const GATHER: Duration = Duration::from_millis(500);

/// Keys looked at before they are forgotten: a few megabytes, where a whole hour may have a million.
const PIECE: usize = 1 << 16;

/// The thread's own state.
pub(super) struct Writer<S> {
    store: Arc<S>,
    /// How many ended in each hour.
    hours: BTreeMap<u32, u64>,
    /// Up to when leases that ran out are written.
    until: u64,
    /// How long and how much is kept.
    kept: Kept,
    most: u64,
    missing: Arc<AtomicU64>,
}

impl<S: Store> Writer<S> {
    pub(super) fn load(store: Arc<S>, missing: Arc<AtomicU64>) -> Result<Self, StoreError> {
        let counted = store.range(HOURS)?;
        let counted = counted.iter().filter_map(|(key, value)| {
            let hour = key.strip_prefix(HOURS)?.try_into().ok()?;
            let count = value.as_slice().try_into().ok()?;
            Some((u32::from_be_bytes(hour), u64::from_be_bytes(count)))
        });
        let hours = counted.collect();
        let until = store.get(UNTIL)?;
        let until = until.and_then(|value| value.try_into().ok());
        Ok(Self {
            store,
            hours,
            until: until.map_or(0, u64::from_be_bytes),
            kept: Kept::default(),
            most: MOST,
            missing,
        })
    }

    /// Up to when leases that ran out are written; 0 where none are.
    pub(super) fn until(&self) -> u64 {
        self.until
    }

    /// Writes what is pushed before what can still be read: that has time.
    pub(super) async fn run(
        mut self,
        unread: &Unread<S>,
        mut queue: mpsc::Receiver<Noted>,
        mut kept: watch::Receiver<Kept>,
    ) {
        let mut noted = Vec::new();
        loop {
            tokio::select! {
                biased;
                Ok(()) = kept.changed() => {
                    self.kept = *kept.borrow_and_update();
                    self.forget(self.kept.said).await;
                    continue;
                }
                count = queue.recv_many(&mut noted, AT_ONCE) => if count == 0 { return },
                () = ready(()), if !unread.is_done() => {
                    let ends = unread.next(AT_ONCE);
                    let until = if unread.is_done() { unread.now() } else { 0 };
                    self.write(&ends, until).await;
                    continue;
                }
            }
            if unread.is_done() {
                let gathered = async {
                    while noted.len() < AT_ONCE && queue.recv_many(&mut noted, AT_ONCE).await > 0 {}
                };
                // Fewer came, or all.
                let _ = timeout(GATHER, gathered).await;
            }
            let until = noted.last().map(|last| last.noticed);
            let until = until.filter(|_| unread.is_done()).unwrap_or(0);
            let ends: Vec<Past> = noted.drain(..).map(|noted| noted.past).collect();
            self.write(&ends, until).await;
        }
    }

    /// Writes those of the ends that are not there yet; with them all that ran out before `until` is.
    async fn write(&mut self, ends: &[Past], until: u64) {
        let latest = ends.iter().map(Past::hour).max().unwrap_or_default();
        self.forget(latest).await;
        if self.count() >= self.most {
            // All of it is of this very hour.
            return self.miss(ends.len());
        }
        let (mut hours, mut keys) = (BTreeMap::new(), BTreeSet::new());
        let mut writes = Vec::with_capacity(ends.len() * 3 + 2);
        for past in ends {
            let key = past.key();
            let is_there = self.store.get(&key).is_ok_and(|found| found.is_some());
            if is_there || !keys.insert(key) {
                continue;
            }
            let hour = past.hour();
            let before = self.hours.get(&hour).copied().unwrap_or(0);
            *hours.entry(hour).or_insert(before) += 1;
            writes.extend(past.writes());
        }
        let new = keys.len();
        let until = self.until.max(until);
        if new == 0 && until == self.until {
            return;
        }
        let counts = hours.iter().map(|(hour, count)| Write::Put {
            key: [HOURS, &hour.to_be_bytes()].concat(),
            value: count.to_be_bytes().to_vec(),
        });
        writes.extend(counts);
        writes.push(Write::Put {
            key: UNTIL.to_vec(),
            value: until.to_be_bytes().to_vec(),
        });
        match self.commit(writes).await {
            Ok(()) => {
                self.hours.extend(hours);
                self.until = until;
            }
            Err(error) => {
                tracing::debug!(%error, "ends of leases are missing from the history");
                self.miss(new);
            }
        }
    }

    fn miss(&self, ends: usize) {
        let ends = u64::try_from(ends).unwrap_or(u64::MAX);
        self.missing.fetch_add(ends, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.hours.values().sum()
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<(), StoreError> {
        let guards = Vec::new();
        self.store.commit(Batch { guards, writes }).await
    }

    /// Forgets what is older than is kept, and the oldest where there is too much.
    async fn forget(&mut self, now: u32) {
        while let Some((hour, _)) = self.hours.first_key_value().map(|(hour, n)| (*hour, *n)) {
            let kept = self.kept.hours;
            let is_old = kept.is_some_and(|kept| hour.saturating_add(kept) < now);
            let is_much = self.count() >= self.most && hour < now;
            if !is_old && !is_much {
                return;
            }
            if let Err(error) = self.forget_hour(hour).await {
                tracing::debug!(%error, "old leases are not forgotten yet");
                return;
            }
            self.hours.remove(&hour);
        }
    }

    /// Piece by piece: a million leases may have ended within the hour.
    async fn forget_hour(&self, hour: u32) -> Result<(), StoreError> {
        let prefix = in_hour(hour);
        loop {
            let mut keys = Vec::new();
            self.store.visit(&prefix, &mut |key, _| {
                if keys.len() < PIECE {
                    keys.push(key.to_vec());
                }
            })?;
            if keys.is_empty() {
                break;
            }
            for some in keys.chunks(AT_ONCE) {
                let mut writes = Vec::with_capacity(some.len() * 3);
                for index in some {
                    let suffix = index.strip_prefix(&*prefix).unwrap_or_default();
                    let key = [AT, suffix].concat();
                    let value = self.store.get(&key)?;
                    let past = value.and_then(|value| Past::read(&key, &value));
                    writes.extend(past.iter().flat_map(Past::removal));
                    let key = index.clone();
                    writes.push(Write::Delete { key });
                }
                self.commit(writes).await?;
            }
        }
        let key = [HOURS, &hour.to_be_bytes()].concat();
        self.commit(vec![Write::Delete { key }]).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Whose, read, start};
    use super::*;
    use crate::base::duration::Seconds;
    use crate::base::mac::MacAddr;
    use crate::serve::dhcp::history::Ending;
    use crate::serve::dhcp::lease::{ClientKey, Hardware, Lease, LeaseState};
    use crate::store::Faulty;

    const DAY: u64 = 24 * 3600;
    const DAYS: u64 = 90;

    fn past(address: u8, client: u8, until: u64) -> Past {
        let hardware = Hardware::from(MacAddr([2, 0, 0, 0, 0, client]));
        let lease = Lease {
            address: [10, 0, 0, address].into(),
            client: ClientKey::of_hardware(hardware),
            hardware,
            state: LeaseState::Active,
            since: until - 60,
            expires: until,
            held_until: until,
            name: None,
            vlan: None,
            agent: None,
            known: None,
        };
        let how = Ending::Expired;
        Past { lease, until, how }
    }

    fn writer(store: &Arc<Faulty>) -> Writer<Faulty> {
        let mut writer = Writer::load(Arc::clone(store), Arc::default()).unwrap();
        writer.kept.hours = Some(24 * 90);
        writer
    }

    /// When the leases of an address ended, by the store's word and the other way round by that of its index.
    fn untils(store: &Faulty, address: u8) -> Vec<u64> {
        let whose = Whose::Address([10, 0, 0, address].into());
        let pasts = read(store, whose).unwrap();
        for past in &pasts {
            let own = read(store, Whose::Hardware(past.lease.hardware)).unwrap();
            assert!(own.contains(past), "{past:?}");
        }
        pasts.iter().map(|past| past.until).collect()
    }

    #[tokio::test]
    async fn the_past_is_kept_for_as_long_as_is_said_and_no_longer() {
        let store = Arc::new(Faulty::default());
        let first = 100 * DAY;
        let ends = [past(1, 1, first)];
        writer(&store).write(&ends, first).await;
        let ends = [past(1, 2, first + DAYS * DAY), past(1, 1, first + 5000)];
        writer(&store).write(&ends, first + 5000).await;
        let expected = [first, first + 5000, first + DAYS * DAY];
        assert_eq!(untils(&store, 1), expected, "written by two daemons");
        let mut writer = writer(&store);
        assert_eq!((writer.count(), writer.until), (3, first + 5000));
        let ends = [past(2, 1, first + DAYS * DAY + 3600)];
        writer.write(&ends, 0).await;
        assert_eq!(untils(&store, 1), expected[1..]);
        let ends = [past(2, 1, first + 3 * DAYS * DAY)];
        writer.write(&ends, 0).await;
        assert!(untils(&store, 1).is_empty());
        let left = store.range(b"past/").unwrap();
        assert_eq!(
            left.len(),
            5,
            "one lease with its indexes, a count and a time: {left:?}"
        );
    }

    /// Until somebody says how long it is kept, nothing is forgotten; what is said then counts at once.
    #[tokio::test]
    async fn what_is_older_than_is_said_is_forgotten_at_once() {
        let store = Arc::new(Faulty::default());
        let first = 100 * DAY;
        let ends = [past(1, 1, first), past(1, 2, first + 200 * DAY)];
        writer(&store).write(&ends[..1], 0).await;
        let now = first + 200 * DAY;
        let (archive, _reader, mut ended) = start(Arc::clone(&store), &[], now).unwrap();
        // Its index is looked at once nobody writes any more.
        let here = || read(&*store, Whose::Address([10, 0, 0, 1].into())).unwrap();
        let until = async |count: usize| {
            while here().len() != count {
                tokio::task::yield_now().await;
            }
        };
        archive.push(ends[1].clone());
        until(2).await;
        archive.keep_for(Seconds(201 * 86_400), now);
        archive.push(past(1, 3, now));
        until(3).await;
        archive.keep_for(Seconds(199 * 86_400), now);
        until(2).await;
        assert_eq!(untils(&store, 1), [now, now]);
        drop(archive);
        ended.wait();
    }

    #[tokio::test]
    async fn the_oldest_make_room_and_what_finds_none_is_counted() {
        let store = Arc::new(Faulty::default());
        let mut writer = writer(&store);
        writer.most = 4;
        let at = 100 * DAY;
        let of_hour = |hour: u64| move |address: u8| past(address, 1, at + hour * 3600);
        for hour in 0..3 {
            let ends: Vec<Past> = [1, 2].map(of_hour(hour)).into();
            writer.write(&ends, 0).await;
        }
        assert_eq!(untils(&store, 1), [at + 3600, at + 7200]);
        let ends: Vec<Past> = [3, 4, 5].map(of_hour(2)).into();
        writer.write(&ends, 0).await;
        assert_eq!(untils(&store, 3), [at + 7200]);
        assert_eq!(writer.missing.load(Ordering::Relaxed), 0);
        // All of the present hour, and full.
        writer.write(&[of_hour(2)(6)], 0).await;
        assert!(untils(&store, 6).is_empty());
        assert_eq!(writer.missing.load(Ordering::Relaxed), 1);
    }

    /// What is there already is neither written again nor counted again, in whichever run it was written.
    #[tokio::test]
    async fn what_is_written_twice_is_there_once() {
        let store = Arc::new(Faulty::default());
        let at = 100 * DAY;
        let ends = [past(1, 1, at), past(1, 1, at), past(2, 1, at)];
        for (until, expected) in [(0, 0), (at - 60, at - 60), (at - 70, at - 60)] {
            let mut writer = writer(&store);
            writer.write(&ends, until).await;
            assert_eq!((writer.count(), writer.until), (2, expected));
        }
        let writer = writer(&store);
        assert_eq!((writer.count(), writer.until), (2, at - 60));
    }

    fn put(lease: &Lease) -> Batch {
        let (key, value) = (lease.key(), lease.encode());
        Batch {
            writes: vec![Write::Put { key, value }],
            ..Batch::default()
        }
    }

    /// Addresses that are given again before anybody has read whose they were.
    #[tokio::test]
    async fn what_ran_out_unnoticed_is_read_before_it_is_written_over() {
        let store = Arc::new(Faulty::default());
        let at = 100 * DAY;
        let mut leases = Vec::new();
        for address in 0..u16::try_from(AT_ONCE * 3).unwrap() {
            let [high, low] = address.to_be_bytes();
            let mut lease = past(0, low, at).lease;
            lease.address = [10, 0, high, low].into();
            store.commit(put(&lease)).await.unwrap();
            leases.push(lease);
        }
        store.stall();
        let now = at + 100;
        let (mut archive, _reader, mut ended) = start(Arc::clone(&store), &leases, now).unwrap();
        // The first of them wait for the disk.
        store.until_waiting(1).await;
        let over = [0, AT_ONCE, leases.len() - 1].map(|number| {
            let mut lease = leases[number].clone();
            (lease.since, lease.held_until) = (now, now + 600);
            archive.before_write(lease.address);
            store.commit(put(&lease))
        });
        let [first, second, third] = over;
        let release = async {
            store.until_waiting(4).await;
            store.release();
        };
        let ((), first, second, third) = tokio::join!(release, first, second, third);
        assert!(first.is_ok() && second.is_ok() && third.is_ok());
        let until = || store.get(UNTIL).unwrap();
        while until() != Some(now.to_be_bytes().to_vec()) {
            tokio::task::yield_now().await;
        }
        for lease in &leases {
            let found = read(&*store, Whose::Address(lease.address)).unwrap();
            assert_eq!(found.len(), 1, "{lease:?}");
            assert_eq!((&found[0].lease, found[0].until), (lease, at));
        }
        assert_eq!(archive.missing(), 0);
        drop(archive);
        ended.wait();
        assert_eq!(writer(&store).count(), leases.len() as u64);
    }

    #[tokio::test]
    async fn an_hour_of_many_is_forgotten_as_a_whole() {
        let store = Arc::new(Faulty::default());
        let mut writer = writer(&store);
        let at = 100 * DAY;
        for number in 0..5 {
            let ends: Vec<Past> = (0..=255).map(|client| past(number, client, at)).collect();
            writer.write(&ends, at).await;
        }
        // An index that leads nowhere goes too.
        let key = [&in_hour(u32::try_from(at / 3600).unwrap())[..], b"?"].concat();
        let value = Vec::new();
        writer
            .commit(vec![Write::Put { key, value }])
            .await
            .unwrap();
        writer.write(&[past(1, 1, at + 100 * DAY)], at).await;
        assert_eq!(store.range(b"past/").unwrap().len(), 5);
    }
}
