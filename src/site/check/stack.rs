//! How the links of a host stand on each other: ports of bonds and bridges, tagged frames on links, and no circles.

use std::collections::BTreeMap;

use crate::base::duration::Seconds;
use crate::base::limit::MTU_DEFAULT;
use crate::base::name::LinkName;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::{Span, Spanned};
use crate::diag::suggest::did_you_mean;
use crate::lang::Slot;
use crate::lang::node::LinkShape;
use crate::site::resolve::{Draft, Host, Link, Plug};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    for host in &draft.hosts {
        // Most hosts have nothing but Ethernet links.
        let is_plain = |link: &Link| matches!(link.node.shape, LinkShape::Ethernet);
        if host.links.iter().all(is_plain) {
            continue;
        }
        let stack = Stack::new(draft, host);
        // Of a link that is declared twice, which was told, nobody knows what it is.
        if stack.links.len() < host.links.len() {
            continue;
        }
        foreign_bridges(host, out);
        for link in &host.links {
            stack.missing(link, out);
            out.extend(hasty(link));
        }
        stack.ports(out);
        super::tagged::check(&stack, out);
        super::filter::check(&stack, out);
        super::vrf::check(&stack, out);
        super::circle::check(&stack, out);
    }
}

/// The links of one host by name.
pub(super) struct Stack<'a> {
    pub(super) draft: &'a Draft<'a>,
    pub(super) host: &'a Host<'a>,
    pub(super) links: BTreeMap<&'a LinkName, &'a Link>,
    /// The bond, bridge or VRF that each link is a port of, the first one where there are several.
    masters: BTreeMap<&'a LinkName, &'a Link>,
}

impl<'a> Stack<'a> {
    fn new(draft: &'a Draft<'a>, host: &'a Host<'a>) -> Self {
        let links = host.links.iter();
        let mut masters = BTreeMap::new();
        let has_ports = |link: &&Link| !matches!(link.node.shape, LinkShape::Tagged { .. });
        for master in links.clone().filter(has_ports) {
            for port in Self::below(master) {
                masters.entry(&port.value).or_insert(master);
            }
        }
        Self {
            draft,
            host,
            links: links.map(|link| (&link.node.name.value, link)).collect(),
            masters,
        }
    }

    /// What each link stands on, as written.
    pub(super) fn below(link: &'a Link) -> Vec<&'a Spanned<LinkName>> {
        match &link.node.shape {
            LinkShape::Bond { ports, .. }
            | LinkShape::Bridge { ports, .. }
            | LinkShape::Vrf { ports, .. } => ports.iter().collect(),
            LinkShape::Tagged { on, .. } => on.given().into_iter().collect(),
            LinkShape::Ethernet | LinkShape::Loopback | LinkShape::Dummy => Vec::new(),
        }
    }

    /// The bond, bridge or VRF that a link is a port of.
    pub(super) fn master(&self, name: &LinkName) -> Option<&'a Link> {
        self.masters.get(name).copied()
    }

    /// A link that is named and not there.
    pub(super) fn unknown(&self, name: &Spanned<LinkName>, code: Code, out: &mut Faults) {
        if super::reference::may_lack(self.draft, self.host) {
            return;
        }
        let known = self.links.keys().map(|name| name.as_str());
        let guess = out
            .are_few()
            .then(|| did_you_mean(name.value.as_str(), known));
        let help = guess
            .flatten()
            .unwrap_or_else(|| format!("declare it: ethernet \"{}\"", name.value));
        let message = format!("{} has no link `{}`", self.host.title(), name.value);
        out.push(
            Diagnostic::new(code, message)
                .label(name.span, "not a link of this host")
                .help(help),
        );
    }

    /// What a bond, a bridge or tagged frames need and neither host nor profile gives.
    fn missing(&self, link: &Link, out: &mut Faults) {
        let absent = match &link.node.shape {
            LinkShape::Bond { mode, ports, .. } => [
                mode.is_absent().then_some("mode=\"…\""),
                ports.is_empty().then_some("ports"),
            ],
            LinkShape::Bridge { ports, .. } => [ports.is_empty().then_some("ports"), None],
            LinkShape::Tagged { on, .. } => [
                on.is_absent().then_some("on=\"…\""),
                (link.plug == Plug::Nothing).then_some("vlan=\"…\""),
            ],
            LinkShape::Ethernet
            | LinkShape::Loopback
            | LinkShape::Dummy
            | LinkShape::Vrf { .. } => [None, None],
        };
        if link.node.is_partial || super::reference::may_lack(self.draft, self.host) {
            return;
        }
        let absent: Vec<&str> = absent.into_iter().flatten().collect();
        if absent.is_empty() {
            return;
        }
        let what = absent.join(" and ");
        let message = format!(
            "the {} `{}` needs {what}",
            link.node.shape.word(),
            link.node.name.value
        );
        out.push(
            Diagnostic::new(Code::Missing, message)
                .label(link.node.span, format!("{what} missing"))
                .help(if self.host.is_controller() {
                    "add it to its block"
                } else {
                    "add it here or in the profile"
                }),
        );
    }

    fn ports(&self, out: &mut Faults) {
        let mut members: BTreeMap<&LinkName, Span> = BTreeMap::new();
        for master in &self.host.links {
            let code = match master.node.shape {
                LinkShape::Bond { .. } => Code::BondPort,
                LinkShape::Bridge { .. } => Code::BridgePort,
                LinkShape::Vrf { .. } => Code::VrfPort,
                LinkShape::Ethernet
                | LinkShape::Tagged { .. }
                | LinkShape::Loopback
                | LinkShape::Dummy => continue,
            };
            for port in Self::below(master) {
                if let Some(first) = members.insert(&port.value, port.span) {
                    out.push(twice(port, first));
                    continue;
                }
                match self.links.get(&port.value) {
                    None => self.unknown(port, code, out),
                    Some(link) => out.extend(
                        unfit(code, master, port, link).or_else(|| self.small(master, port, link)),
                    ),
                }
            }
            let joins = code == Code::BridgePort && master.plug == Plug::Nothing;
            if joins && !filters(master) {
                out.extend(self.joins(master));
            }
        }
    }

    /// The fault of a bridge without a VLAN whose ports are in several.
    fn joins(&self, master: &'a Link) -> Option<Diagnostic> {
        let ports = Self::below(master).into_iter();
        let mut plugged = ports.filter_map(|port| match self.links.get(&port.value)?.plug {
            Plug::Vlan(vlan) => Some((port, vlan)),
            Plug::Nothing | Plug::Unknown => None,
        });
        let (first, vlan) = plugged.next()?;
        let (other, _) = plugged.find(|(_, other)| *other != vlan)?;
        let message = format!(
            "the bridge `{}` joins two vlans into one",
            master.node.name.value
        );
        let fault = Diagnostic::new(Code::BridgePort, message);
        Some(
            fault
                .label(other.span, "in another vlan")
                .label(first.span, "in one vlan")
                .help("make a bridge for each vlan"),
        )
    }

    /// A port that would drop frames which its master sends.
    fn small(&self, master: &Link, port: &Spanned<LinkName>, link: &Link) -> Option<Diagnostic> {
        let wanted = self.mtu(master)?;
        // The kernel gives a bond's ports the bond's own MTU, unless the site says another.
        let is_bond = matches!(master.node.shape, LinkShape::Bond { .. });
        if matches!(link.node.mtu, Slot::Faulty) || (is_bond && link.node.mtu.is_absent()) {
            return None;
        }
        let has = self.mtu(link).unwrap_or(MTU_DEFAULT);
        let word = master.node.shape.word();
        (has < wanted).then(|| {
            let message = format!(
                "the port `{}` has an MTU of {has}, its {word} one of {wanted}",
                port.value
            );
            Diagnostic::new(Code::BridgeMtu, message)
                .label(port.span, "this port would drop large frames")
                .label(master.node.span, format!("the {word}"))
                .help(format!("give the port mtu={wanted}"))
        })
    }

    /// The MTU of a link, its own or its VLAN's.
    pub(super) fn mtu(&self, link: &Link) -> Option<u32> {
        let of_vlan = match link.plug {
            Plug::Vlan(vlan) => self.draft.vlans.get(vlan).map(|vlan| &vlan.node.mtu),
            Plug::Nothing | Plug::Unknown => None,
        };
        let own = link.node.mtu.value();
        own.or_else(|| of_vlan.and_then(|mtu| mtu.value())).copied()
    }
}

/// Whether a bridge says itself which port is in which VLAN.
fn filters(bridge: &Link) -> bool {
    matches!(&bridge.node.shape, LinkShape::Bridge { filter: Some(filter), .. }
        if filter.filtering.value() == Some(&true))
}

/// Controllers have the kernel's own bridges.
fn foreign_bridges(host: &Host<'_>, out: &mut Faults) {
    for link in host.links.iter().filter(|_| host.is_controller()) {
        if let LinkShape::Bridge {
            kind: Slot::Given(kind),
            ..
        } = &link.node.shape
            && kind.value == "ovs"
        {
            out.push(
                Diagnostic::new(
                    Code::Unsupported,
                    "a controller's bridges are the kernel's own",
                )
                .label(kind.span, "not made by Bedplate")
                .help("leave `type` out, or give the bridge to a machine"),
            );
        }
    }
}

/// A delay that the kernel refuses: it has bounds, outside of which there is only none, without the spanning tree protocol.
fn hasty(link: &Link) -> Option<Diagnostic> {
    let LinkShape::Bridge {
        stp, forward_delay, ..
    } = &link.node.shape
    else {
        return None;
    };
    let delay = forward_delay.given()?;
    let is_none = delay.value == Seconds(0) && stp.value() != Some(&true);
    if is_none || (DELAY_LEAST..=DELAY_MOST).contains(&delay.value) || *stp == Slot::Faulty {
        return None;
    }
    let message = format!(
        "a delay of {} is not between {DELAY_LEAST} and {DELAY_MOST}",
        delay.value
    );
    let fault = Diagnostic::new(Code::InvalidValue, message);
    Some(
        fault
            .label(delay.span, "out of bounds")
            .help("without the spanning tree protocol it may be \"0s\" too"),
    )
}

/// Bounds of a bridge's forward delay (the kernel's `BR_MIN_FORWARD_DELAY` and `BR_MAX_FORWARD_DELAY`).
const DELAY_LEAST: Seconds = Seconds(2);
const DELAY_MOST: Seconds = Seconds(30);

fn twice(port: &Spanned<LinkName>, first: Span) -> Diagnostic {
    Diagnostic::new(
        Code::BridgePortTwice,
        format!("the link `{}` is a port twice", port.value),
    )
    .label(port.span, "a port again here")
    .label(first, "a port here already")
    .help("a link is a port of one bond, bridge or vrf at most")
}

/// Why a link cannot be a port of `master`.
fn unfit(code: Code, master: &Link, port: &Spanned<LinkName>, link: &Link) -> Option<Diagnostic> {
    let name = &port.value;
    let fault = |message: String, there: Span, text: &str| {
        Diagnostic::new(code, message)
            .label(port.span, "made a port here")
            .label(there, text)
    };
    let is_bond = code == Code::BondPort;
    let may_stand = match link.node.shape {
        LinkShape::Ethernet => true,
        LinkShape::Bond { .. } | LinkShape::Tagged { .. } | LinkShape::Dummy => !is_bond,
        LinkShape::Bridge { .. } => code == Code::VrfPort,
        LinkShape::Loopback | LinkShape::Vrf { .. } => false,
    };
    let word = link.node.shape.word();
    if !may_stand {
        let message = format!(
            "the {word} `{name}` cannot be a port of a {}",
            master.node.shape.word()
        );
        let help = if is_bond {
            "a bond's ports are physical links"
        } else if code == Code::VrfPort {
            "a vrf's ports are links of any other kind but the loopback"
        } else {
            "a bridge's ports are physical links, bonds and tagged links"
        };
        return Some(fault(message, link.node.span, &format!("a {word}")).help(help));
    }
    // What a VRF routes for keeps all that it has.
    if code == Code::VrfPort {
        return None;
    }
    let is_filtered = filters(master);
    let (plug, master) = (master.plug, master.node.shape.word());
    if let Some(address) = link.node.addresses.first() {
        let message = format!("the port `{name}` has an address of its own");
        let help = format!("a port carries no address: give it to the {master}");
        return Some(fault(message, address.span, "its address").help(help));
    }
    let is_tagged = matches!(link.node.shape, LinkShape::Tagged { .. });
    if matches!(link.plug, Plug::Vlan(_)) && !is_tagged && is_bond {
        let message = format!("the port `{name}` has a vlan of its own");
        let help = "give the vlan to the bond";
        return Some(fault(message, link.node.span, "in this vlan").help(help));
    }
    if let (Plug::Vlan(own), Plug::Vlan(wanted)) = (link.plug, plug)
        && own != wanted
        && !is_filtered
    {
        let message = format!("the port `{name}` is in another vlan than its bridge");
        let help = "leave the port's vlan out: it is the bridge's";
        return Some(fault(message, link.node.span, "in this vlan").help(help));
    }
    None
}
