//! Whose turn it is: one apply runs at a time, and whoever comes meanwhile hears whose it is.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::who::{Who, now};
use crate::base::moment::Moment;

/// An apply under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    pub plan: String,
    pub who: Who,
    pub since: Moment,
}

/// The one turn that there is, and who has it.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    holder: Arc<watch::Sender<Option<UnderWay>>>,
    /// When the last one ended.
    ended: Arc<Mutex<Option<Moment>>>,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn(Turns);

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            holder: Arc::new(watch::Sender::new(None)),
            ended: Arc::default(),
        }
    }

    /// Takes the turn where nobody has it; otherwise says who does.
    pub(super) fn take(&self, wanted: UnderWay) -> Result<Turn, UnderWay> {
        let mut holder = None;
        self.holder.send_if_modified(|now| {
            holder.clone_from(now);
            if now.is_none() {
                *now = Some(wanted);
            }
            holder.is_none()
        });
        match holder {
            None => Ok(Turn(self.clone())),
            Some(holder) => Err(holder),
        }
    }

    pub(super) fn holder(&self) -> Option<UnderWay> {
        self.holder.borrow().clone()
    }

    /// When the last turn ended: what was seen of the world before may not be so any more.
    pub(super) fn ended(&self) -> Option<Moment> {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the turn once nobody has it any more.
    pub(super) async fn wait(&self, wanted: UnderWay) -> Turn {
        let mut changes = self.holder.subscribe();
        loop {
            match self.take(wanted.clone()) {
                Ok(turn) => return turn,
                // The sender lives as long as `self`, so there is always a next change to wait for.
                Err(_) => drop(changes.changed().await),
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let turns = &self.0;
        *turns.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(now());
        turns.holder.send_replace(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(plan: &str) -> UnderWay {
        UnderWay {
            plan: plan.to_owned(),
            who: Who { uid: 0, name: None },
            since: Moment(0),
        }
    }

    #[tokio::test]
    async fn there_is_one_turn_and_it_says_whose() {
        let turns = Turns::new();
        let first = turns.take(of("a")).unwrap();
        assert_eq!(turns.take(of("b")).unwrap_err(), of("a"));
        assert_eq!((turns.holder(), turns.ended()), (Some(of("a")), None));
        let (second, ()) = tokio::join!(turns.wait(of("c")), async { drop(first) });
        assert_eq!(turns.holder(), Some(of("c")));
        drop(second);
        assert_eq!(turns.holder(), None);
        assert!(turns.ended().is_some());
    }
}
