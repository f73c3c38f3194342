//! What would fail, found before the first step: limits that the observation states.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::base::origin::Origin;
use crate::state::{Facts, Key, Resource};

/// Why a step cannot succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    pub key: Key,
    pub origin: Option<Origin>,
    pub mtu: u32,
    /// The smallest and largest MTU that the link's driver takes.
    pub limits: (u32, u32),
}

/// Every step of `plan` that the facts rule out.
pub fn preflight(plan: &Plan, facts: &Facts) -> Vec<Obstacle> {
    plan.steps
        .iter()
        .filter_map(|step| {
            let (Key::Link { link, .. }, Some(Resource::Link(after))) = (&step.key, &step.after)
            else {
                return None;
            };
            let (fact, mtu) = (facts.links.get(link)?, after.mtu?);
            let limits = (
                fact.mtu_min.unwrap_or(0),
                fact.mtu_max.filter(|max| *max > 0).unwrap_or(u32::MAX),
            );
            let fits = limits.0 <= mtu && mtu <= limits.1;
            (!fits).then(|| Obstacle {
                key: step.key.clone(),
                origin: step.origin.clone(),
                mtu,
                limits,
            })
        })
        .collect()
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = self.limits;
        write!(
            f,
            "{}: mtu {} is outside what its driver takes, {least} to {most}",
            self.key, self.mtu
        )
    }
}
