//! Applying on hold: an operator's own lock, which outlasts its command, restarts and reboots.

use serde::{Deserialize, Serialize};

use super::fault;
use super::reconcile::Reconciler;
use super::who::Who;
use crate::base::moment::Moment;
use crate::diag::fault::Fault;
use crate::store::Store;

/// Longest reason, in bytes.
pub const REASON_BYTES: usize = 200;

/// Who keeps everybody, themselves included, from applying, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    pub who: Who,
    pub since: Moment,
    pub reason: String,
}

impl<S: Store> Reconciler<S> {
    /// Puts applying on hold. A further hold of the same user takes the first one's place; another's is refused.
    pub(super) async fn put_on_hold(&mut self, hold: Hold) -> Result<Hold, Fault> {
        if let Some(held) = &self.hold
            && held.who.uid != hold.who.uid
        {
            return Err(fault::on_hold(held));
        }
        self.records.set_hold(Some(&hold)).await?;
        self.hold = Some(hold.clone());
        Ok(hold)
    }

    /// Ends just the hold that the caller has seen, so that nobody ends another by chance.
    pub(super) async fn unlock(&mut self, seen: &Hold) -> Result<Hold, Fault> {
        let held = self.hold.as_ref().filter(|held| *held == seen);
        let held = held
            .cloned()
            .ok_or_else(|| fault::not_on_hold(self.hold.as_ref()))?;
        self.records.set_hold(None).await?;
        self.hold = None;
        Ok(held)
    }
}
