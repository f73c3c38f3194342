//! Keeps the past of leases: a thread that writes behind the answers, and forgets what is old. Must not keep anybody waiting.
//!
//! What waits to be written has a bound; what finds no room, or a store that takes nothing, is counted as missing. Leases that run out
//! need none: they are ended no faster than they are written, and those that ran out while nobody ran the server are read from the
//! store as they are written. A daemon that is killed loses how others ended that were not written yet, half a second's unless the disk
//! is behind; what ran out the next start finds.

mod unread;
mod writer;

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
use crate::serve::dhcp::history::{AT, Past, at, hour_of, of};
use crate::serve::dhcp::lease::{Hardware, Lease};
use crate::store::{Store, StoreError};
use unread::Unread;
use writer::Writer;

/// Ends that may wait to be written, as clients and operators make them: some tens of megabytes at worst.
const QUEUE: usize = 1 << 17;

/// Ends that wait before leases that run out are ended no further.
const ENOUGH: usize = 4096;

/// What is told of a machine or an address at most: the latest.
const TOLD: usize = 1000;

/// The worker's end.
pub(super) struct Archive<S> {
    ends: mpsc::Sender<Noted>,
    kept: watch::Sender<Kept>,
    missing: Arc<AtomicU64>,
    /// None once they are read.
    unread: Option<Arc<Unread<S>>>,
    /// Up to when all that ran out was pushed.
    noticed: u64,
}

/// An end to be written.
#[derive(Debug)]
struct Noted {
    past: Past,
    /// Up to when all that ran out was pushed before.
    noticed: u64,
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

impl<S: Store> Archive<S> {
    /// Notes an end; never waits.
    pub(super) fn push(&self, past: Past) {
        let noticed = self.noticed;
        if self.ends.try_send(Noted { past, noticed }).is_err() {
            self.missing.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All leases that ran out before `time` were pushed.
    pub(super) fn notice(&mut self, time: u64) {
        self.noticed = time;
    }

    /// Whether so much waits that no more leases need be ended now.
    pub(super) fn is_busy(&self) -> bool {
        let waiting = self.ends.max_capacity() - self.ends.capacity();
        waiting >= ENOUGH && !self.ends.is_closed()
    }

    /// What the store has of an address is about to be written over. Reads it where nobody has yet: that takes a few microseconds, for
    /// as long after a start as leases are to be read.
    pub(super) fn before_write(&mut self, address: Ipv4Addr) {
        let Some(unread) = &self.unread else {
            return;
        };
        if unread.is_done() {
            self.unread = None;
        } else if let Some(past) = unread.before_write(address) {
            self.push(past);
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

/// Starts the thread; it ends once the worker's end is gone and all that was pushed is written. `stored` are the leases as the store has
/// them.
///
/// # Errors
/// Where the system gives no thread.
pub(super) fn start<S: Store>(
    store: Arc<S>,
    stored: &[Lease],
    now: u64,
) -> io::Result<(Archive<S>, Reader, Ended)> {
    let missing = Arc::new(AtomicU64::new(0));
    let writer = Writer::load(Arc::clone(&store), Arc::clone(&missing));
    let noticed = writer.as_ref().map_or(0, Writer::until);
    let unread = Unread::among(stored, Arc::clone(&store), (now, noticed), &missing);
    let unread = Arc::new(unread);
    let (ends, queue) = mpsc::channel(QUEUE);
    let (kept, heard) = watch::channel(Kept::default());
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (alive, ended) = std_mpsc::channel();
    let read_by_thread = Arc::clone(&unread);
    thread::Builder::new()
        .name("dhcp-history".to_owned())
        .spawn(move || {
            let _until_it_ends: std_mpsc::Sender<()> = alive;
            match writer {
                Ok(writer) => runtime.block_on(writer.run(&read_by_thread, queue, heard)),
                Err(error) => {
                    tracing::error!(%error, "the history of leases cannot be read; none is kept");
                }
            }
        })?;
    let archive = Archive {
        ends,
        kept,
        missing,
        unread: Some(unread),
        noticed: 0,
    };
    let reader = Reader(Box::new(move |whose| read(&*store, whose)));
    Ok((archive, reader, Ended(Mutex::new(ended))))
}
