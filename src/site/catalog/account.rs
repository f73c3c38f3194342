//! Who may use a BMC, and how it is on its network, as the site says it. Secrets are places there, and not known here.

use super::pen::Pen;
use crate::lang::node::{BmcNetworkNode, UserNode};

pub(super) fn values(users: &[UserNode], pen: &mut Pen<'_>) {
    for one in users {
        let UserNode {
            name,
            role,
            password,
            span: _,
        } = one;
        let name = &name.value;
        if let Some(role) = role.given() {
            pen.written(format!("user.{name}.role"), &role.value, role.span);
        }
        if let Some(password) = password.given() {
            let place = format!("user.{name}.password");
            pen.written(place, &password.value, password.span);
        }
    }
}

pub(super) fn network(node: Option<&BmcNetworkNode>, pen: &mut Pen<'_>) {
    let Some(node) = node else {
        return;
    };
    let BmcNetworkNode {
        source,
        gateway,
        tagged,
        span: _,
    } = node;
    pen.slot("network", source);
    pen.slot("network.gateway", gateway);
    pen.slot("network.tagged", tagged);
}
