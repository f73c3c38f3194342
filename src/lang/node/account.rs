//! `user`: who may use a BMC beside the account that Bedplate uses itself.

use super::super::kdl::Node;
use super::super::read::{Reader, Sink};
use super::super::schema::{Kind, NodeSchema, Property};
use super::super::slot::Slot;
use super::{argument, open};
use crate::base::bmc::UserRole;
use crate::base::name::UserName;
use crate::base::secret::SecretRef;
use crate::diag::span::{Span, Spanned};

/// A user of a BMC.
#[derive(Debug, Clone)]
pub struct UserNode {
    pub name: Spanned<UserName>,
    pub role: Slot<String>,
    pub password: Slot<SecretRef>,
    pub span: Span,
}

pub(super) const USER: NodeSchema = NodeSchema {
    name: "user",
    doc: "Redfish and IPMI: another user of the BMC, which an apply makes or changes, and takes away once the site says no more of one that it made. \
          The account of `username` is none of them.",
    arguments: &[argument(
        "a name",
        Kind::Text,
        "The user's name; over IPMI at most 16 characters.",
    )],
    properties: &[
        needed(
            "role",
            Kind::Words(&UserRole::GIVEN),
            "What the user may do: all, switch the machine, or look.",
        ),
        needed(
            "password",
            Kind::Secret,
            "Where the user's password is kept; over IPMI at most 20 bytes.",
        ),
    ],
    children: &[],
};

const fn needed(name: &'static str, kind: Kind, doc: &'static str) -> Property {
    Property {
        name,
        doc,
        kind,
        required: true,
    }
}

pub(super) fn read_users(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Vec<UserNode> {
    let nodes: Vec<Node<'_>> = reader.children(USER.name).collect();
    let read = nodes.into_iter().filter_map(|node| {
        let reader = open(node, &USER, sink);
        Some(UserNode {
            role: reader.word_property("role", sink),
            password: reader.secret("password", sink),
            name: reader.argument(0, sink).into_given()?,
            span: reader.span(),
        })
    });
    read.collect()
}
