//! The nodes of the language: one file per group, each with its types, its tables and its reading.

mod account;
mod address;
mod bmc;
mod bond;
mod boot_order;
mod bound;
mod bridge;
mod class;
mod column;
mod dhcp;
mod dummy;
mod fabric;
mod filter;
mod hook;
mod host;
mod identity;
mod ignore;
mod image;
mod link;
mod lock;
mod machines;
mod network;
mod option;
mod path;
mod protect;
mod record;
mod rule;
mod setting;
mod site;
mod subnet;
mod suboption;
mod switch;
mod table;
mod tagged;
mod threshold;
mod vrf;
mod webhook;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use super::kdl::Node;
use super::lock::LockNode;
use super::read::{Reader, Sink};
use super::schema::{Argument, Child, Count, Kind, NodeSchema, Property};
use super::slot::{Gaps, Slot};
use crate::base::limit;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{SourceId, Spanned};

pub use account::UserNode;
pub use address::{AddressFlags, AddressNode, AddressWish};
pub use bmc::BmcNode;
pub use bound::BoundsNode;
pub use class::{ClassNode, MatchNode};
pub use dhcp::{DhcpNode, SiteDhcpNode};
pub use fabric::{FabricNode, VlanNode};
pub use filter::{FilterNode, PortNode};
pub use hook::HookNode;
pub use host::{ControllerNode, HostShape, MachineNode, ProfileNode};
pub use identity::IdentityNode;
pub use ignore::IgnoreNode;
pub use image::{BootNode, ImageNode};
pub use link::{BondSetting, LinkNode, LinkShape, VlanRef};
pub(in crate::lang) use lock::{LOCK, LOCK_ENTRY};
pub use machines::MachinesNode;
pub(in crate::lang) use machines::read_table;
pub use network::BmcNetworkNode;
pub use option::OptionNode;
pub use path::{HopNode, PathNode};
pub use protect::ProtectNode;
pub use record::RecordNode;
pub use rule::RuleNode;
pub use setting::SettingNode;
pub use site::{RouteNode, SiteNode, SpaceNode, TimeServer};
pub use subnet::{DnsServer, PoolNode, RangeNode, SubnetNode};
pub use switch::{FieldNode, RequestNode, SwitchNode};
pub use table::TableRef;
pub use webhook::WebhookNode;

/// A site file: it has no name, and its children are the top-level nodes.
pub(super) const ROOT: NodeSchema = NodeSchema {
    name: "",
    doc: "A site file.",
    arguments: &[],
    properties: &[],
    children: &[
        any(&site::SITE),
        any(&site::INCLUDE),
        any(&site::SPACE),
        any(&fabric::FABRIC),
        any(&site::ROUTE),
        any(&record::RECORD),
        any(&host::CONTROLLER),
        any(&image::IMAGE),
        any(&host::PROFILE),
        any(&host::MACHINE),
        any(&machines::MACHINES),
        any(&ignore::IGNORE),
        any(&hook::HOOK),
        any(&webhook::WEBHOOK),
    ],
};

/// All that a site's sources declare, in the order of reading.
#[derive(Debug, Default)]
pub struct Declarations {
    pub sites: Vec<SiteNode>,
    pub spaces: Vec<SpaceNode>,
    pub fabrics: Vec<FabricNode>,
    pub routes: Vec<RouteNode>,
    pub records: Vec<RecordNode>,
    pub controllers: Vec<ControllerNode>,
    pub machines: Vec<MachineNode>,
    /// Tables of further machines, which the loader reads.
    pub tables: Vec<MachinesNode>,
    pub profiles: Vec<ProfileNode>,
    pub images: Vec<ImageNode>,
    pub ignores: Vec<IgnoreNode>,
    pub hooks: Vec<HookNode>,
    pub webhooks: Vec<WebhookNode>,
    /// Sources that are tables, so that what stands in one is told to come from a row.
    pub rows: BTreeSet<SourceId>,
    /// What was allocated; none where there is no lock.
    pub lock: Option<LockNode>,
    /// Where the lock lies or would lie.
    pub lock_path: String,
    /// Kinds of nodes of which some could not be read.
    pub gaps: Gaps,
}

impl Declarations {
    /// Takes out isolated fabrics beyond those that a site may have, which is reported.
    pub(super) fn bound_fabrics(&mut self) -> Option<Diagnostic> {
        let (mut isolated, mut fault) = (0, None);
        self.fabrics.retain(|fabric| {
            let is_isolated = fabric.isolated.value() == Some(&true);
            isolated += usize::from(is_isolated);
            let is_excess = is_isolated && isolated > limit::ISOLATED_FABRICS;
            if is_excess && fault.is_none() {
                let message = format!(
                    "a site has at most {} isolated fabrics",
                    limit::ISOLATED_FABRICS
                );
                let one_too_many = Diagnostic::new(Code::Limit, message);
                fault = Some(one_too_many.label(fabric.name.span, "one too many"));
            }
            !is_excess
        });
        if fault.is_some() {
            self.gaps.everything();
        }
        fault
    }

    /// Adds what another source declares.
    pub(super) fn append(&mut self, other: Self) {
        self.sites.extend(other.sites);
        self.spaces.extend(other.spaces);
        self.fabrics.extend(other.fabrics);
        self.routes.extend(other.routes);
        self.records.extend(other.records);
        self.controllers.extend(other.controllers);
        self.machines.extend(other.machines);
        self.tables.extend(other.tables);
        self.profiles.extend(other.profiles);
        self.images.extend(other.images);
        self.ignores.extend(other.ignores);
        self.hooks.extend(other.hooks);
        self.webhooks.extend(other.webhooks);
        self.rows.extend(other.rows);
        self.gaps.merge(other.gaps);
    }
}

pub(super) fn decode<'n>(
    nodes: impl Iterator<Item = Node<'n>>,
    gaps: Gaps,
    diagnostics: &mut Vec<Diagnostic>,
) -> Declarations {
    let mut into = Declarations::default();
    let mut sink = Sink::new(diagnostics, gaps);
    for node in nodes {
        declare(node, &mut into, &mut sink);
        if sink.is_full() {
            sink.give_up(node.head());
            break;
        }
    }
    into.gaps = sink.gaps;
    into
}

fn declare(node: Node<'_>, into: &mut Declarations, sink: &mut Sink<'_>) {
    match node.name().value {
        "site" => into.sites.push(site::read_site(node, sink)),
        "include" => site::read_include(node, sink),
        "space" => into.spaces.extend(site::read_space(node, sink)),
        "fabric" => into.fabrics.extend(fabric::read_fabric(node, sink)),
        "route" => into.routes.push(site::read_route(node, sink)),
        "record" => into.records.extend(record::read_record(node, sink)),
        "controller" => into.controllers.extend(host::read_controller(node, sink)),
        "machines" => into.tables.push(machines::read_machines(node, sink)),
        "machine" => into.machines.extend(host::read_machine(node, sink)),
        "profile" => into.profiles.extend(host::read_profile(node, sink)),
        "image" => into.images.extend(image::read_image(node, sink)),
        "ignore" => into.ignores.extend(ignore::read_ignore(node, sink)),
        "hook" => into.hooks.extend(hook::read_hook(node, sink)),
        "webhook" => into.webhooks.extend(webhook::read_webhook(node, sink)),
        _ => sink.unknown(node, &ROOT),
    }
}

/// How long a node and all in its block are, without what stands between them.
fn text_length(node: Node<'_>) -> usize {
    let mut length = 0;
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        let head = node.head();
        length += (head.end - head.start) as usize;
        open.extend(node.children());
    }
    length
}

const fn any(schema: &'static NodeSchema) -> Child {
    child(schema, Count::Any)
}

const fn optional(schema: &'static NodeSchema) -> Child {
    child(schema, Count::Optional)
}

const fn child(schema: &'static NodeSchema, count: Count) -> Child {
    Child { schema, count }
}

/// The children of two lists, `N` in all.
const fn join<const N: usize>(first: &[Child], then: &[Child]) -> [Child; N] {
    const BLANK: NodeSchema = plain("", "", &[]);
    let mut all = [optional(&BLANK); N];
    let (mut rest, mut at) = (all.as_mut_slice(), 0);
    while let Some((next, others)) = rest.split_first_mut() {
        let list = if at < first.len() { first } else { then };
        let place = if at < first.len() {
            at
        } else {
            at - first.len()
        };
        if let Some((child, _)) = list.split_at(place).1.split_first() {
            *next = *child;
        }
        (rest, at) = (others, at + 1);
    }
    all
}

/// A node with arguments alone.
const fn plain(
    name: &'static str,
    doc: &'static str,
    arguments: &'static [Argument],
) -> NodeSchema {
    NodeSchema {
        name,
        doc,
        arguments,
        properties: &[],
        children: &[],
    }
}

const fn argument(name: &'static str, kind: Kind, doc: &'static str) -> Argument {
    Argument {
        name,
        doc,
        kind,
        count: Count::One,
    }
}

const fn arguments(name: &'static str, kind: Kind, doc: &'static str) -> Argument {
    Argument {
        name,
        doc,
        kind,
        count: Count::Many,
    }
}

const fn property(name: &'static str, kind: Kind, doc: &'static str) -> Property {
    Property {
        name,
        doc,
        kind,
        required: false,
    }
}

/// Opens a node of the table `schema`.
fn open<'a>(node: Node<'a>, schema: &'static NodeSchema, sink: &mut Sink<'_>) -> Reader<'a> {
    Reader::open(node, schema, sink)
}

/// The first argument of the child that `schema` describes.
pub(super) fn first<T>(
    reader: &Reader<'_>,
    schema: &'static NodeSchema,
    sink: &mut Sink<'_>,
) -> Slot<T>
where
    T: FromStr<Err: Display>,
{
    reader.child(schema.name).map_or(Slot::Absent, |node| {
        open(node, schema, sink).argument(0, sink)
    })
}

/// The word that the child described by `schema` gives.
fn word(reader: &Reader<'_>, schema: &'static NodeSchema, sink: &mut Sink<'_>) -> Slot<String> {
    let child = reader.child(schema.name);
    child.map_or(Slot::Absent, |node| {
        open(node, schema, sink).word_argument(sink)
    })
}

/// A word of a set that was looked up there already.
fn known<T: FromStr>(word: Slot<String>) -> Slot<T> {
    match word {
        Slot::Absent => Slot::Absent,
        Slot::Faulty => Slot::Faulty,
        Slot::Given(Spanned { value, span }) => value
            .parse()
            .map_or(Slot::Faulty, |read| Slot::Given(Spanned::new(read, span))),
    }
}

/// The flag that the child described by `schema` gives.
fn flag(reader: &Reader<'_>, schema: &'static NodeSchema, sink: &mut Sink<'_>) -> Slot<bool> {
    let child = reader.child(schema.name);
    child.map_or(Slot::Absent, |node| {
        open(node, schema, sink).flag_argument(sink)
    })
}
