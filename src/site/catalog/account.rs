//! Who may use a BMC, as the site says it. Secrets are places there, and not known here.

use super::pen::Pen;
use crate::lang::node::UserNode;

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
