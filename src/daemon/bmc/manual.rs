//! Machines that a person switches: asks, tells those who hear of events, and waits for somebody to say that it is done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::power::{Became, PowerEvent};
use super::{Bmcs, MachineSelection, fault};
use crate::base::bmc::{BmcCondition, BmcNews, PowerAction, PowerState};
use crate::base::moment::Moment;
use crate::base::name::HostName;
use crate::daemon::{TOLD, now};
use crate::diag::fault::Fault;
use crate::serve::dhcp::Event;
use crate::site::model::BmcManual;

/// What a person is asked to do, for those who ask about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManualRequest {
    pub machine: HostName,
    pub action: PowerAction,
    pub instruction: Option<String>,
    pub since: Moment,
    /// When nobody waits for it any more.
    pub until: Moment,
}

/// Machines that a person is asked about, and who waits for what he says.
#[derive(Clone, Default)]
pub(super) struct Desk(Arc<Mutex<Asked>>);

type Asked = BTreeMap<HostName, (ManualRequest, oneshot::Sender<()>)>;

/// A question that waits; it is over with this.
struct Question<'a> {
    desk: &'a Desk,
    machine: &'a HostName,
    answered: oneshot::Receiver<()>,
}

impl Desk {
    /// None where a person is asked about the machine already.
    fn ask<'a>(&'a self, manual: &'a BmcManual, action: PowerAction) -> Option<Question<'a>> {
        let mut asked = self.lock();
        let machine = &manual.machine;
        if asked.contains_key(machine) {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        let since = now();
        let request = ManualRequest {
            machine: machine.clone(),
            action,
            instruction: manual.instruction.clone(),
            since,
            until: since.after(manual.within),
        };
        asked.insert(machine.clone(), (request, answer));
        Some(Question {
            desk: self,
            machine,
            answered,
        })
    }

    /// What a person is asked to do with a machine now.
    pub(super) fn asked_of(&self, machine: &HostName) -> Option<ManualRequest> {
        let asked = self.lock();
        asked.get(machine).map(|(request, _)| request.clone())
    }

    /// All that persons are asked for now.
    fn asked(&self) -> Vec<ManualRequest> {
        let asked = self.lock();
        asked.values().map(|(request, _)| request.clone()).collect()
    }

    /// Whether somebody waited for it.
    fn answer(&self, machine: &HostName) -> bool {
        let waiting = self.lock().remove(machine);
        waiting.is_some_and(|(_, waiting)| waiting.send(()).is_ok())
    }

    // Whoever panicked with it left it whole.
    fn lock(&self) -> MutexGuard<'_, Asked> {
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
            .ask(manual, action)
            .ok_or_else(|| fault::asked_already(host))?;
        tracing::info!(machine = %host, "a person is asked for {action}");
        let how = manual.instruction.as_deref();
        let words = how.map_or_else(|| action.to_string(), |how| format!("{action}: {how}"));
        let asking = BmcCondition::Asking;
        self.told(host, (Some(asking), None), words).await;
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
        self.told(host, (None, Some(asking)), words.to_owned())
            .await;
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

    /// What persons are asked for now; the first [`TOLD`] of them.
    pub(in crate::daemon) fn asked_by_hand(&self) -> Vec<ManualRequest> {
        let mut asked = self.desk.asked();
        asked.truncate(TOLD);
        asked
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

    async fn told(
        &self,
        host: &HostName,
        (condition, was): (Option<BmcCondition>, Option<BmcCondition>),
        why: String,
    ) {
        let news = BmcNews {
            machine: host.clone(),
            address: None,
            condition,
            was,
            is_watched: true,
            why,
        };
        // Nobody is told any more once the daemon ends.
        let _ended = self.dhcp.tell(Event::Bmc { news: news.into() }).await;
    }
}
