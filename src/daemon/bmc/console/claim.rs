//! Who has which machine's console, by this daemon: one at a time, who is told of to others, and gives way to who takes it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::fault;
use crate::base::moment::Moment;
use crate::base::name::HostName;
use crate::daemon::who::{Who, now};
use crate::diag::fault::Fault;

/// Consoles that are open at once, each with a session of its own.
const AT_ONCE: usize = 256;

/// How long they may take to be given back when the daemon ends.
const ENDED_WITHIN: Duration = Duration::from_secs(5);

/// Why somebody must leave.
pub(super) enum Away {
    Taken(Who),
    /// The daemon ends.
    Ending,
}

/// The consoles that are open.
#[derive(Clone, Default)]
pub(in crate::daemon::bmc) struct Claims(Arc<Mutex<BTreeMap<HostName, Holder>>>);

struct Holder {
    who: Who,
    since: Moment,
    /// Where it is told to leave; none once it was.
    give_way: Option<oneshot::Sender<Away>>,
    /// Ends with the claim.
    held: watch::Receiver<()>,
}

/// A console that is somebody's until this is dropped.
pub(super) struct Claim {
    claims: Claims,
    machine: HostName,
    /// Tells when to leave, and why.
    pub(super) away: oneshot::Receiver<Away>,
    _held: watch::Sender<()>,
}

impl Claims {
    /// Has the console for `who`, once whoever it is taken from has left it.
    pub(super) async fn claim(
        &self,
        machine: &HostName,
        who: &Who,
        takes: bool,
    ) -> Result<Claim, Fault> {
        loop {
            let mut held = {
                let mut open = self.open();
                let is_full = open.len() >= AT_ONCE;
                match open.get_mut(machine) {
                    None if is_full => return Err(fault::too_many(AT_ONCE)),
                    None => return Ok(self.begin(&mut open, machine, who)),
                    Some(holder) if !takes => {
                        return Err(fault::held(machine, &holder.who, holder.since));
                    }
                    Some(holder) => holder.leaves(Away::Taken(who.clone())),
                }
            };
            // Nothing is ever sent: it ends.
            let _gone = held.changed().await;
        }
    }

    /// Has all consoles given back, since the daemon ends.
    pub(in crate::daemon::bmc) async fn end(&self) {
        let held: Vec<_> = {
            let mut open = self.open();
            let all = open.values_mut();
            all.map(|holder| holder.leaves(Away::Ending)).collect()
        };
        let all_gone = async {
            for mut held in held {
                let _gone = held.changed().await;
            }
        };
        let _slow = timeout(ENDED_WITHIN, all_gone).await;
    }

    fn begin(&self, open: &mut BTreeMap<HostName, Holder>, machine: &HostName, who: &Who) -> Claim {
        let (give_way, away) = oneshot::channel();
        let (sender, held) = watch::channel(());
        let holder = Holder {
            who: who.clone(),
            since: now(),
            give_way: Some(give_way),
            held,
        };
        open.insert(machine.clone(), holder);
        Claim {
            claims: self.clone(),
            machine: machine.clone(),
            away,
            _held: sender,
        }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<HostName, Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holder {
    /// Tells it to leave; what is returned ends once it has.
    fn leaves(&mut self, why: Away) -> watch::Receiver<()> {
        if let Some(give_way) = self.give_way.take() {
            // One that has ended already needs no word.
            let _ended = give_way.send(why);
        }
        self.held.clone()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.open().remove(&self.machine);
    }
}
