//! Fabrics and VLANs, and how other nodes name a VLAN: by its own name where only one fabric has it, else with the fabric's.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{Table, refer, twice};
use super::{Domain, Plug, VlanDraft};
use crate::base::name::Name;
use crate::base::vlan::VlanPath;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::{Span, Spanned};
use crate::lang::node::{Declarations, VlanRef};
use crate::lang::{Gaps, Slot};

/// Fabrics by name, and all their VLANs.
pub(super) fn vlans<'a>(
    declarations: &'a Declarations,
    out: &mut Faults,
) -> (Table<'a, Name>, Vec<VlanDraft<'a>>) {
    let fabrics = &declarations.fabrics;
    let table = Table::new("fabric", fabrics.iter().map(|fabric| &fabric.name), out);
    let mut seen: BTreeMap<VlanPath, Span> = BTreeMap::new();
    let mut vlans = Vec::new();
    for (number, fabric) in fabrics.iter().enumerate() {
        let domain = Domain::of(number, fabric);
        for node in &fabric.vlans {
            let path = VlanPath {
                fabric: fabric.name.value.clone(),
                vlan: node.name.value.clone(),
            };
            if let Some(first) = seen.get(&path) {
                out.push(twice("vlan", &path, node.name.span, *first));
            } else {
                seen.insert(path.clone(), node.name.span);
            }
            vlans.push(VlanDraft { path, domain, node });
        }
    }
    (table, vlans)
}

/// What each VLAN's DHCP is relayed to.
pub(super) fn relays(vlans: &[VlanDraft<'_>], gaps: &Gaps, out: &mut Faults) -> Vec<Plug> {
    let names = VlanNames::new(vlans);
    let relays = vlans.iter().map(|vlan| match &vlan.node.dhcp {
        Some(dhcp) => names.plug(&dhcp.relay_to, gaps, out),
        None => Plug::Nothing,
    });
    relays.collect()
}

/// VLANs by their short names.
pub(super) struct VlanNames<'a> {
    vlans: &'a [VlanDraft<'a>],
    short: BTreeMap<&'a Name, Vec<usize>>,
    /// By their full names; none where several have one, which is a fault of its own.
    full: BTreeMap<(&'a Name, &'a Name), Option<usize>>,
}

impl<'a> VlanNames<'a> {
    pub(super) fn new(vlans: &'a [VlanDraft<'a>]) -> Self {
        let mut short: BTreeMap<&Name, Vec<usize>> = BTreeMap::new();
        let mut full = BTreeMap::new();
        for (index, vlan) in vlans.iter().enumerate() {
            let VlanPath { fabric, vlan } = &vlan.path;
            short.entry(vlan).or_default().push(index);
            full.entry((fabric, vlan))
                .and_modify(|known| *known = None)
                .or_insert(Some(index));
        }
        Self { vlans, short, full }
    }

    pub(super) fn domain(&self, vlan: usize) -> Option<Domain> {
        self.vlans.get(vlan).map(|vlan| vlan.domain)
    }

    /// What a link with `reference` is plugged into.
    pub(super) fn plug(&self, reference: &Slot<VlanRef>, gaps: &Gaps, out: &mut Faults) -> Plug {
        match reference {
            Slot::Absent => Plug::Nothing,
            Slot::Faulty => Plug::Unknown,
            Slot::Given(reference) => self
                .find(reference, gaps, out)
                .map_or(Plug::Unknown, Plug::Vlan),
        }
    }

    fn find(&self, reference: &Spanned<VlanRef>, gaps: &Gaps, out: &mut Faults) -> Option<usize> {
        let VlanRef { fabric, vlan } = &reference.value;
        if let Some(fabric) = fabric {
            let found = self.full.get(&(fabric, vlan)).copied();
            if found.is_none() {
                self.unknown(reference, gaps, out);
            }
            return found.flatten();
        }
        let path = |index: &usize| self.vlans.get(*index).map(|vlan| &vlan.path);
        let candidates = self.short.get(vlan).map_or(&[][..], Vec::as_slice);
        let Some(first) = candidates.first() else {
            self.unknown(reference, gaps, out);
            return None;
        };
        // One path several times is a fault of its own, reported where it was declared.
        if candidates.iter().any(|other| path(other) != path(first)) {
            let paths = candidates.iter().filter_map(path).take(FEW);
            out.push(ambiguous(reference, paths.collect(), candidates.len()));
            return None;
        }
        (candidates.len() == 1).then_some(*first)
    }

    fn unknown(&self, reference: &Spanned<VlanRef>, gaps: &Gaps, out: &mut Faults) {
        if gaps.may_hide(&["fabric"]) {
            return;
        }
        let VlanRef { fabric, vlan } = &reference.value;
        let Some(fabric) = fabric else {
            let name = Spanned::new(vlan, reference.span);
            refer(
                "vlan",
                &name,
                self.short.keys().map(|name| name.as_str()),
                gaps,
                out,
            );
            return;
        };
        let written = Spanned::new(format!("{fabric}/{vlan}"), reference.span);
        let shown = if out.are_few() {
            self.vlans.len()
        } else {
            FEW + 1
        };
        let paths: Vec<String> = self
            .vlans
            .iter()
            .take(shown)
            .map(|vlan| vlan.path.to_string())
            .collect();
        refer(
            "vlan",
            &written,
            paths.iter().map(String::as_str),
            gaps,
            out,
        );
    }
}

/// As many full names as a help line lists.
const FEW: usize = 6;

fn ambiguous(reference: &Spanned<VlanRef>, paths: BTreeSet<&VlanPath>, count: usize) -> Diagnostic {
    let vlan = &reference.value.vlan;
    let forms: Vec<String> = paths.iter().map(|path| format!("\"{path}\"")).collect();
    let mut help = format!("write {}", forms.join(" or "));
    if count > FEW {
        help += ", or another's fabric before it";
    }
    Diagnostic::new(
        Code::AmbiguousReference,
        format!("several fabrics have a vlan `{vlan}`"),
    )
    .label(reference.span, "which one is meant?")
    .help(help)
}
