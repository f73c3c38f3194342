//! The rules of a site, one file per concern. Each looks at the whole draft, so that no rule depends on the order of nodes.
//!
//! A rule about what does not exist asks the gaps first: where something could not be read, its absence proves nothing.

mod account;
mod address;
mod bmc;
mod bond;
mod circle;
mod claim;
mod class;
mod dhcp;
mod edge;
mod filter;
mod hook;
mod identity;
mod ignore;
mod isolation;
mod lock;
mod mac;
mod name;
mod named;
mod near;
mod network;
mod path;
mod protect;
mod proxy;
mod range;
mod record;
mod reference;
mod relay;
mod route;
mod rule;
mod stack;
mod subnet;
mod switch;
mod tagged;
mod times;
mod unserved;
mod vlan;
mod vrf;

use super::resolve::Draft;
use crate::diag::report::Faults;

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    reference::check(draft, out);
    vlan::check(draft, out);
    subnet::check(draft, out);
    isolation::check(draft, out);
    range::check(draft, out);
    route::check(draft, out);
    path::check(draft, out);
    rule::check(draft, out);
    address::check(draft, out);
    edge::check(draft, out);
    mac::check(draft, out);
    identity::check(draft, out);
    stack::check(draft, out);
    bond::check(draft, out);
    bmc::check(draft, out);
    account::check(draft, out);
    network::check(draft, out);
    dhcp::check(draft, out);
    times::check(draft, out);
    relay::check(draft, out);
    proxy::check(draft, out);
    unserved::check(draft, out);
    class::check(draft, out);
    name::check(draft, out);
    record::check(draft, out);
    lock::check(draft, out);
    protect::check(draft, out);
    ignore::check(draft, out);
    hook::check(draft, out);
}
