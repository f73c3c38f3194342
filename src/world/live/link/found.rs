//! Links as the kernel describes them: other links by their index, parameters by their number.

use std::collections::BTreeMap;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    BridgeStpState, InfoBridge, InfoData, InfoKind, InfoVlan, InfoVrf, LinkAttribute, LinkFlags,
    LinkInfo, LinkMessage, Prop, VlanProtocol as Protocol,
};

use super::bond::{self, Value};
use super::pick;
use crate::base::bond::{BondMode, BondParameter};
use crate::base::mac::MacAddr;
use crate::base::setting::LinkSetting;
use crate::base::vlan::VlanProtocol;
use crate::state::{Bridge, LinkFact, PortVlan, Table, Vrf};
use crate::world::live::setting;

/// A link as the kernel describes it.
pub(super) struct Found {
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) form: Form,
    pub(super) up: bool,
    pub(super) mtu: Option<u32>,
    pub(super) mac: Option<MacAddr>,
    /// Index of the link that this one is a port of.
    pub(super) port_of: Option<u32>,
    /// As a port of a bridge that filters.
    pub(super) vlans: BTreeMap<u16, PortVlan>,
    pub(super) settings: BTreeMap<LinkSetting, u32>,
    pub(super) marked: bool,
    pub(super) fact: LinkFact,
}

/// What it is.
pub(super) enum Form {
    Physical,
    Loopback,
    Bond {
        mode: BondMode,
        values: Vec<(BondParameter, Value)>,
    },
    Tagged {
        on: u32,
        id: u16,
        protocol: VlanProtocol,
    },
    Bridge(Bridge),
    Dummy,
    Vrf(Vrf),
}

impl Found {
    pub(super) fn read(message: &RouteNetlinkMessage) -> Option<Self> {
        let RouteNetlinkMessage::NewLink(message) = message else {
            return None;
        };
        let attributes = &message.attributes;
        let flags = message.header.flags;
        let name = pick!(attributes, LinkAttribute::IfName(name) => name.clone())?;
        let names = pick!(attributes, LinkAttribute::PropList(names) => names.as_slice());
        let names = names.unwrap_or_default();
        // Zero is how drivers without a limit state it.
        let limit = |mtu: &u32| (*mtu != 0).then_some(*mtu);
        let mac = pick!(attributes, LinkAttribute::Address(mac) => ethernet(mac)).flatten();
        let permanent = pick!(attributes, LinkAttribute::PermAddress(mac) => ethernet(mac));
        let form = Form::read(message);
        Some(Self {
            index: message.header.index,
            up: flags.contains(LinkFlags::Up),
            mtu: pick!(attributes, LinkAttribute::Mtu(mtu) => *mtu),
            // The loopback's is all zeros, and nobody's.
            mac: mac.filter(|_| !matches!(form, Form::Loopback)),
            port_of: pick!(attributes, LinkAttribute::Controller(index) => *index)
                .filter(|index| *index != 0),
            vlans: BTreeMap::new(),
            settings: setting::read(attributes),
            marked: names.contains(&mark(&name)),
            fact: LinkFact {
                mac,
                permanent_mac: permanent.flatten(),
                carrier: flags.contains(LinkFlags::LowerUp),
                mtu_min: pick!(attributes, LinkAttribute::MinMtu(mtu) => limit(mtu)).flatten(),
                mtu_max: pick!(attributes, LinkAttribute::MaxMtu(mtu) => limit(mtu)).flatten(),
            },
            form,
            name,
        })
    }

    /// What it is as a bridge.
    pub(super) fn bridge(&self) -> Option<&Bridge> {
        if let Form::Bridge(bridge) = &self.form {
            Some(bridge)
        } else {
            None
        }
    }

    /// Whether other links are ports of it, and how they are taken in.
    pub(super) fn takes_ports(&self) -> bool {
        matches!(
            self.form,
            Form::Bond { .. } | Form::Bridge(_) | Form::Vrf(_)
        )
    }
}

impl Form {
    /// What is not among our kinds, or lacks what a kind must have, is a device like any other.
    fn read(message: &LinkMessage) -> Self {
        if message.header.flags.contains(LinkFlags::Loopback) {
            return Self::Loopback;
        }
        let attributes = &message.attributes;
        let info = pick!(attributes, LinkAttribute::LinkInfo(info) => info.as_slice());
        let info = info.unwrap_or_default();
        let data = pick!(info, LinkInfo::Data(data) => data);
        let made = match (pick!(info, LinkInfo::Kind(kind) => kind), data) {
            (Some(InfoKind::Dummy), _) => Some(Self::Dummy),
            (Some(InfoKind::Bridge), Some(InfoData::Bridge(data))) => {
                Some(Self::Bridge(bridge(data)))
            }
            (Some(InfoKind::Bond), Some(InfoData::Bond(data))) => {
                let (mode, values) = bond::read(data);
                mode.map(|mode| Self::Bond { mode, values })
            }
            (Some(InfoKind::Vlan), Some(InfoData::Vlan(data))) => tagged(attributes, data),
            (Some(InfoKind::Vrf), Some(InfoData::Vrf(data))) => {
                let table = pick!(data, InfoVrf::TableId(table) => Table(*table));
                table.map(|table| Self::Vrf(Vrf { table }))
            }
            _ => None,
        };
        made.unwrap_or(Self::Physical)
    }
}

fn tagged(attributes: &[LinkAttribute], data: &[InfoVlan]) -> Option<Form> {
    // A link in another network namespace, told by its id there, has no name here.
    let is_here = pick!(attributes, LinkAttribute::LinkNetNsId(_) => ()).is_none();
    let on = pick!(attributes, LinkAttribute::Link(on) => *on).filter(|_| is_here)?;
    let protocol = pick!(data, InfoVlan::Protocol(protocol) => *protocol);
    Some(Form::Tagged {
        on,
        id: pick!(data, InfoVlan::Id(id) => *id)?,
        protocol: match protocol {
            Some(Protocol::Ieee8021Ad) => VlanProtocol::Dot1ad,
            Some(Protocol::Ieee8021Q) | None => VlanProtocol::Dot1q,
            Some(_) => return None,
        },
    })
}

/// Kernels without VLAN filtering say nothing of it.
fn bridge(data: &[InfoBridge]) -> Bridge {
    let plain = Bridge::plain(false);
    let stp = pick!(data, InfoBridge::StpState(state) => *state != BridgeStpState::Disabled);
    Bridge {
        stp: stp.unwrap_or(plain.stp),
        forward_delay: pick!(data, InfoBridge::ForwardDelay(delay) => *delay)
            .unwrap_or(plain.forward_delay),
        vlan_filtering: pick!(data, InfoBridge::VlanFiltering(filters) => *filters)
            .unwrap_or(plain.vlan_filtering),
        default_pvid: pick!(data, InfoBridge::VlanDefaultPvid(pvid) => *pvid)
            .unwrap_or(plain.default_pvid),
    }
}

fn ethernet(mac: &[u8]) -> Option<MacAddr> {
    <[u8; 6]>::try_from(mac).ok().map(MacAddr)
}

/// The alternative name that says a link is ours. The kernel finds links by it, so it names the link as well.
pub(super) fn mark(link: &str) -> Prop {
    Prop::AltIfName(format!("bedplate:{link}"))
}
