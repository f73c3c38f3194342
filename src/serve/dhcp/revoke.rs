//! How leases end by an operator's word. Part of the engine, and as pure.

use std::net::Ipv4Addr;

use super::ending::Becomes;
use super::engine::{Action, BatchId, Engine};
use super::event::{Event, Release};
use super::lease::{Lease, LeaseState};

impl Engine {
    /// Ends the lease or the quarantine of `address`, and tells what it was and the write that makes that durable; none where the
    /// address has neither. An offer is none: it ends by itself within moments.
    pub fn revoke(
        &mut self,
        now: u64,
        address: Ipv4Addr,
        out: &mut Vec<Action>,
    ) -> Option<(Lease, BatchId)> {
        self.settle(address, now, out);
        let lease = self.table.get(address)?.lease.clone();
        match lease.state {
            LeaseState::Active | LeaseState::Declined => {
                let (_, batch) = self.end(address, Becomes::Free, now, out)?;
                let event = Event::Released {
                    lease: lease.clone(),
                    how: Release::ByHand,
                };
                out.push(Action::Event(event));
                self.tell_usage(out);
                Some((lease, batch))
            }
            LeaseState::Offered | LeaseState::Idle => None,
        }
    }
}
