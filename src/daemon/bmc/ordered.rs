//! Machines that do not boot from where the site says, by what their BMCs told last.

use serde::{Deserialize, Serialize};

use super::Bmcs;
use crate::base::moment::Moment;
use crate::base::name::HostName;
use crate::state::{Change, Key, Resource};

/// A machine whose boot order somebody else changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootOrderDrift {
    pub machine: HostName,
    /// From what the site says to what is.
    pub changes: Vec<Change>,
    /// When it was heard.
    pub at: Moment,
}

impl Bmcs {
    /// Whether it was heard how it is with this of a machine, after a moment: where that is not as it should be, it is drift then.
    pub(in crate::daemon) fn is_heard(&self, key: &Key, after: Option<Moment>) -> bool {
        let board = self.board();
        let Some(machine) = key.machine() else {
            return false;
        };
        let is_ordered = || board.boot_order(machine, after).is_some();
        let is_switched = || board.power(machine, after).is_some();
        matches!(key, Key::BootOrder { .. }) && is_ordered()
            || matches!(key, Key::Power { .. }) && is_switched()
    }

    /// Machines whose boot order is not the site's, as far as that was heard after a moment.
    pub(in crate::daemon) async fn boot_order_drift(
        &self,
        after: Option<Moment>,
    ) -> Vec<BootOrderDrift> {
        // That the site cannot be read is told by those who need it.
        let Ok(says) = self.in_force.says().await else {
            return Vec::new();
        };
        let board = self.board();
        let drift = says.machines.iter().filter_map(|(machine, card)| {
            let wanted = Resource::BootOrder(card.boot_order?);
            let (is, at) = board.boot_order(machine, after)?;
            let way_back = wanted.changes_from(&Resource::BootOrder(is)).into_iter();
            let changes = way_back.map(|Change { field, from, to }| Change {
                field,
                from: to,
                to: from,
            });
            let changes: Vec<Change> = changes.collect();
            (!changes.is_empty()).then(|| BootOrderDrift {
                machine: machine.clone(),
                changes,
                at,
            })
        });
        drift.collect()
    }
}
