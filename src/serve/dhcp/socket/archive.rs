//! Keeps the past of leases: a thread that writes behind the answers, and forgets what is old. Must not keep anybody waiting.
//!
//! What waits to be written has a bound; what finds no room, or a store that takes nothing, is counted as missing. A daemon that is killed
//! loses what came within the last second before that, but for leases that ran out, which the next start finds.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::{mpsc, watch};

use crate::base::duration::Seconds;
use crate::serve::dhcp::history::{AT, HOURS, MOST, Past, UNTIL, at, hour_of, in_hour, of};
use crate::serve::dhcp::lease::{Hardware, Lease};
use crate::store::{Batch, Store, StoreError, Write};

/// Ends that may wait to be written: some megabytes.
const QUEUE: usize = 16_384;

/// Ends found at a start that are written; more are counted as missing.
const FOUND: usize = 65_536;

/// Ends written at once.
const AT_ONCE: usize = 1024;

/// How long ends are gathered: a lease that runs out alone is worth no sync of its own.
const GATHER: Duration = Duration::from_millis(500);

/// What is told of a machine or an address at most: the latest.
const TOLD: usize = 1000;

/// The worker's end.
#[derive(Clone)]
pub(super) struct Archive {
    ends: mpsc::Sender<Past>,
    kept: watch::Sender<Kept>,
    missing: Arc<AtomicU64>,
}

/// How long the past is kept, in hours, and since when that is so; none until somebody says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Kept {
    hours: Option<u32>,
    said: u32,
}

/// Tells when the thread has ended.
pub(super) struct Ended(Mutex<std_mpsc::Receiver<()>>);

impl Ended {
    /// Waits for it, but not for a disk that hangs: that keeps nobody from stopping.
    pub(super) fn wait(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(2);
        // Nothing is ever sent: the other end goes.
        let ended = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.recv_timeout(PATIENCE);
    }
}

/// What reads the past; needs nobody's time but its own.
pub(super) struct Reader(Box<Read>);

type Read = dyn Fn(Whose) -> Result<Vec<Past>, StoreError> + Send + Sync;

/// Whose past is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose {
    Address(Ipv4Addr),
    Hardware(Hardware),
}

/// The thread's own state.
struct Writer<S> {
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

impl Archive {
    /// Notes an end; never waits.
    pub(super) fn push(&self, past: Past) {
        if self.ends.try_send(past).is_err() {
            self.missing.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Says how long the past is kept. What is older is forgotten at once.
    pub(super) fn keep_for(&self, time: Seconds, now: u64) {
        let hours = Some(time.0.div_ceil(3600));
        let said = hour_of(now);
        self.kept.send_if_modified(|kept| {
            let is_new = kept.hours != hours;
            *kept = Kept { hours, said };
            is_new
        });
    }

    /// How many ends are missing from the history.
    pub(super) fn missing(&self) -> u64 {
        self.missing.load(Ordering::Relaxed)
    }
}

impl Reader {
    /// The latest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn past(&self, whose: Whose) -> Result<Vec<Past>, StoreError> {
        let mut pasts = (self.0)(whose)?;
        pasts.sort_by_key(|past| std::cmp::Reverse((past.until, past.lease.since)));
        pasts.truncate(TOLD);
        Ok(pasts)
    }
}

fn read<S: Store>(store: &S, whose: Whose) -> Result<Vec<Past>, StoreError> {
    match whose {
        Whose::Hardware(hardware) => pasts_under(store, &of(hardware)),
        Whose::Address(address) => {
            let pairs = store.range(&at(address))?;
            let pasts = pairs
                .iter()
                .filter_map(|(key, value)| Past::read(key, value));
            Ok(pasts.collect())
        }
    }
}

/// What an index leads to.
fn pasts_under<S: Store>(store: &S, prefix: &[u8]) -> Result<Vec<Past>, StoreError> {
    let mut pasts = Vec::new();
    for (key, _) in store.range(prefix)? {
        let suffix = key.strip_prefix(prefix).unwrap_or_default();
        let key = [AT, suffix].concat();
        let value = store.get(&key)?;
        pasts.extend(value.and_then(|value| Past::read(&key, &value)));
    }
    Ok(pasts)
}

/// Starts the thread; it ends once the worker's end is gone and all is written. `stored` are the leases as the store has them.
///
/// # Errors
/// Where the system gives no thread.
pub(super) fn start<S: Store>(
    store: Arc<S>,
    stored: &[Lease],
    now: u64,
) -> io::Result<(Archive, Reader, Ended)> {
    let missing = Arc::new(AtomicU64::new(0));
    let writer = Writer::load(Arc::clone(&store), Arc::clone(&missing));
    let noticed = writer.as_ref().ok().map(|writer| writer.until);
    let noticed = noticed.filter(|until| *until != 0);
    let mut unnoticed = stored
        .iter()
        .filter_map(|lease| Past::unnoticed(lease, now, noticed));
    let found: Vec<Past> = unnoticed.by_ref().take(FOUND).collect();
    let left = u64::try_from(unnoticed.count()).unwrap_or(u64::MAX);
    missing.fetch_add(left, Ordering::Relaxed);
    let (ends, queue) = mpsc::channel(QUEUE);
    let (kept, heard) = watch::channel(Kept::default());
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (alive, ended) = std_mpsc::channel();
    thread::Builder::new()
        .name("dhcp-history".to_owned())
        .spawn(move || {
            let _until_it_ends: std_mpsc::Sender<()> = alive;
            match writer {
                Ok(writer) => runtime.block_on(writer.run(found, queue, heard)),
                Err(error) => {
                    tracing::error!(%error, "the history of leases cannot be read; none is kept");
                }
            }
        })?;
    let archive = Archive {
        ends,
        kept,
        missing,
    };
    let reader = Reader(Box::new(move |whose| read(&*store, whose)));
    Ok((archive, reader, Ended(Mutex::new(ended))))
}

impl<S: Store> Writer<S> {
    fn load(store: Arc<S>, missing: Arc<AtomicU64>) -> Result<Self, StoreError> {
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

    async fn run(
        mut self,
        found: Vec<Past>,
        mut queue: mpsc::Receiver<Past>,
        mut kept: watch::Receiver<Kept>,
    ) {
        for some in found.chunks(AT_ONCE) {
            self.write(some).await;
        }
        let mut ends = Vec::new();
        loop {
            tokio::select! {
                Ok(()) = kept.changed() => {
                    self.kept = *kept.borrow_and_update();
                    self.forget(self.kept.said).await;
                    continue;
                }
                count = queue.recv_many(&mut ends, AT_ONCE) => if count == 0 { return },
            }
            if ends.len() < AT_ONCE && !queue.is_closed() {
                tokio::time::sleep(GATHER).await;
            }
            while ends.len() < AT_ONCE
                && let Ok(next) = queue.try_recv()
            {
                ends.push(next);
            }
            self.write(&ends).await;
            ends.clear();
        }
    }

    async fn write(&mut self, ends: &[Past]) {
        let latest = ends.iter().map(Past::hour).max().unwrap_or_default();
        self.forget(latest).await;
        if self.count() >= self.most {
            // All of it is of this very hour.
            return self.miss(ends.len());
        }
        let mut hours = BTreeMap::new();
        let mut writes = Vec::with_capacity(ends.len() * 3 + 2);
        let mut until = self.until;
        for past in ends {
            let hour = past.hour();
            let before = self.hours.get(&hour).copied().unwrap_or(0);
            *hours.entry(hour).or_insert(before) += 1;
            writes.extend(past.writes());
            if past.is_expired() {
                until = until.max(past.until);
            }
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
                self.miss(ends.len());
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

    async fn forget_hour(&self, hour: u32) -> Result<(), StoreError> {
        let prefix = in_hour(hour);
        for some in pasts_under(&*self.store, &prefix)?.chunks(AT_ONCE) {
            let writes = some.iter().flat_map(Past::removal).collect();
            self.commit(writes).await?;
        }
        let key = [HOURS, &hour.to_be_bytes()].concat();
        self.commit(vec![Write::Delete { key }]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::mac::MacAddr;
    use crate::serve::dhcp::history::Ending;
    use crate::serve::dhcp::lease::{ClientKey, LeaseState};
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
        writer(&store).write(&[past(1, 1, first)]).await;
        writer(&store)
            .write(&[past(1, 2, first + DAYS * DAY), past(1, 1, first + 5000)])
            .await;
        let expected = [first, first + 5000, first + DAYS * DAY];
        assert_eq!(untils(&store, 1), expected, "written by two daemons");
        let mut writer = writer(&store);
        assert_eq!((writer.count(), writer.until), (3, first + DAYS * DAY));
        writer.write(&[past(2, 1, first + DAYS * DAY + 3600)]).await;
        assert_eq!(untils(&store, 1), expected[1..]);
        writer.write(&[past(2, 1, first + 3 * DAYS * DAY)]).await;
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
        writer(&store).write(&ends[..1]).await;
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
            writer.write(&ends).await;
        }
        assert_eq!(untils(&store, 1), [at + 3600, at + 7200]);
        let ends: Vec<Past> = [3, 4, 5].map(of_hour(2)).into();
        writer.write(&ends).await;
        assert_eq!(untils(&store, 3), [at + 7200]);
        assert_eq!(writer.missing.load(Ordering::Relaxed), 0);
        // All of the present hour, and full.
        writer.write(&[of_hour(2)(6)]).await;
        assert!(untils(&store, 6).is_empty());
        assert_eq!(writer.missing.load(Ordering::Relaxed), 1);
    }
}
