//! Whether those whom the site must reach are reached after an apply as they were before it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::plan::{Phase, Plan};
use crate::world::World;

/// How long somebody who never answered may take to answer.
const BEFORE: Duration = Duration::from_secs(1);

/// How long somebody who answered before may take once links have changed: carrier, duplicate address detection and switches take time.
const AFTER: Duration = Duration::from_secs(10);

/// Who must answer.
pub(super) struct Watch {
    reached: BTreeSet<IpAddr>,
    silent: BTreeSet<IpAddr>,
}

impl Watch {
    /// Asks before the first step. A plan that leaves the host's network alone needs no watch.
    pub(super) async fn begin<W: World>(world: &mut W, plan: &Plan) -> Self {
        let changes = plan.steps.iter().any(|step| step.phase == Phase::Host);
        if plan.reachable.is_empty() || !changes {
            return Self {
                reached: BTreeSet::new(),
                silent: BTreeSet::new(),
            };
        }
        let reached = world.reach(&plan.reachable, BEFORE).await;
        let silent = plan.reachable.difference(&reached).copied().collect();
        Self { reached, silent }
    }

    /// Those who answered before and do not now.
    pub(super) async fn lost<W: World>(&self, world: &mut W) -> BTreeSet<IpAddr> {
        if self.reached.is_empty() {
            return BTreeSet::new();
        }
        let now = world.reach(&self.reached, AFTER).await;
        self.reached.difference(&now).copied().collect()
    }

    /// Those who did not answer before, which no apply can be blamed for.
    pub(super) fn silent(&self) -> &BTreeSet<IpAddr> {
        &self.silent
    }
}
