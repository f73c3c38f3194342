//! Who has which machine's console, by this daemon: one at a time, who is told of to others, and gives way to who takes it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

use super::fault;
use crate::base::moment::Moment;
use crate::base::name::HostName;
use crate::daemon::who::{Who, now};
use crate::diag::fault::Fault;

/// Consoles that are open at once, each with a session of its own.
const AT_ONCE: usize = 256;

/// The consoles that are open.
#[derive(Clone, Default)]
pub(in crate::daemon::bmc) struct Claims(Arc<Mutex<BTreeMap<HostName, Holder>>>);

struct Holder {
    who: Who,
    since: Moment,
    /// Where it is told who takes the console; none once somebody has.
    give_way: Option<oneshot::Sender<Who>>,
    /// Ends with the claim.
    held: watch::Receiver<()>,
}

/// A console that is somebody's until this is dropped.
pub(super) struct Claim {
    claims: Claims,
    machine: HostName,
    /// Tells who takes it.
    pub(super) taken: oneshot::Receiver<Who>,
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
                    Some(holder) => {
                        if let Some(give_way) = holder.give_way.take() {
                            // One that has ended already needs no word.
                            let _ended = give_way.send(who.clone());
                        }
                        holder.held.clone()
                    }
                }
            };
            // Nothing is ever sent: it ends.
            let _gone = held.changed().await;
        }
    }

    fn begin(&self, open: &mut BTreeMap<HostName, Holder>, machine: &HostName, who: &Who) -> Claim {
        let (give_way, taken) = oneshot::channel();
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
            taken,
            _held: sender,
        }
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<HostName, Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.open().remove(&self.machine);
    }
}
