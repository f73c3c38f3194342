//! Machines that a person switches: asks, tells those who hear of events, and waits for somebody to say that it is done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::power::{Became, PowerEvent};
use super::{Bmcs, MachineSelection, fault};
use crate::base::bmc::{BmcCondition, BmcNews, PowerAction, PowerState};
use crate::base::name::HostName;
use crate::diag::fault::Fault;
use crate::serve::dhcp::Event;
use crate::site::model::BmcManual;

/// Machines that a person is asked about, and who waits for what he says.
#[derive(Clone, Default)]
pub(super) struct Desk(Arc<Mutex<BTreeMap<HostName, oneshot::Sender<()>>>>);

/// A question that waits; it is over with this.
struct Question<'a> {
    desk: &'a Desk,
    machine: &'a HostName,
    answered: oneshot::Receiver<()>,
}

impl Desk {
    /// None where a person is asked about the machine already.
    fn ask<'a>(&'a self, machine: &'a HostName) -> Option<Question<'a>> {
        let mut asked = self.lock();
        if asked.contains_key(machine) {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        asked.insert(machine.clone(), answer);
        Some(Question {
            desk: self,
            machine,
            answered,
        })
    }

    /// Whether somebody waited for it.
    fn answer(&self, machine: &HostName) -> bool {
        let waiting = self.lock().remove(machine);
        waiting.is_some_and(|waiting| waiting.send(()).is_ok())
    }

    // Whoever panicked with it left it whole.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<HostName, oneshot::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.desk.lock().remove(self.machine);
    }
}

impl Bmcs {
    /// Asks a person, and believes what he says.
    pub(super) async fn by_hand(
        &self,
        manual: &BmcManual,
        action: PowerAction,
        tell: &mpsc::Sender<PowerEvent>,
    ) -> Result<Became, Fault> {
        let host = &manual.machine;
        let mut question = self
            .desk
            .ask(host)
            .ok_or_else(|| fault::asked_already(host))?;
        tracing::info!(machine = %host, "a person is asked for {action}");
        let how = manual.instruction.as_deref();
        let words = how.map_or_else(|| action.to_string(), |how| format!("{action}: {how}"));
        self.told(host, Some(BmcCondition::Asking), words).await;
        let asked = PowerEvent::Asked {
            machine: host.clone(),
            action,
            instruction: manual.instruction.clone(),
            within: manual.within,
        };
        let _gone = tell.send(asked).await;
        let time = Duration::from_secs(manual.within.0.into());
        let answered = timeout(time, &mut question.answered).await;
        drop(question);
        let is_done = matches!(answered, Ok(Ok(())));
        let words = if is_done {
            "it is done"
        } else {
            "nobody said that it is done"
        };
        self.told(host, None, words.to_owned()).await;
        match is_done {
            true => Ok(Became {
                power: match action {
                    PowerAction::On | PowerAction::Cycle | PowerAction::Reset => PowerState::On,
                    PowerAction::Off | PowerAction::SoftOff => PowerState::Off,
                },
                was: PowerState::Unknown,
                restart: None,
            }),
            false => Err(fault::unanswered(host, action, manual.within)),
        }
    }

    /// Says that what a person was asked for is done.
    ///
    /// # Errors
    /// Where nobody is asked about one of the machines; the others are said.
    pub(in crate::daemon) async fn done_by_hand(
        &self,
        which: &MachineSelection,
    ) -> Result<Vec<HostName>, Fault> {
        let chosen = self.chosen(which).await?;
        let (mut done, mut unasked) = (Vec::new(), None);
        for host in chosen.into_keys() {
            match self.desk.answer(&host) {
                true => done.push(host),
                false => unasked = Some(host),
            }
        }
        // Of a tag or of all, those that wait are meant.
        match unasked.filter(|host| done.is_empty() || which.machines.contains(host)) {
            Some(host) => Err(fault::unasked(&host)),
            None => Ok(done),
        }
    }

    async fn told(&self, host: &HostName, condition: Option<BmcCondition>, why: String) {
        let news = BmcNews {
            machine: host.clone(),
            address: format!("{host} itself"),
            condition,
            why,
        };
        // Nobody is told any more once the daemon ends.
        let _ended = self.dhcp.tell(Event::Bmc { news: news.into() }).await;
    }
}
