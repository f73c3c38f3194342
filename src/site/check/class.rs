//! Client classes: each of one name, of things that there are, and of some use.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::class::ClassMatch;
use crate::base::limit;
use crate::base::name::Name;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Span;
use crate::lang::node::{ClassNode, MatchNode};
use crate::site::resolve::{Draft, Role, refer, twice};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let sites = draft.declarations.sites.iter();
    let sites = sites.filter_map(|site| site.dhcp.as_ref());
    let vlans = draft
        .vlans
        .iter()
        .filter_map(|vlan| vlan.node.dhcp.as_ref());
    let places = sites.map(|dhcp| &dhcp.classes);
    let mut tags = None;
    for classes in places.chain(vlans.map(|dhcp| &dhcp.classes)) {
        if classes.is_empty() {
            continue;
        }
        let tags = tags.get_or_insert_with(|| all_tags(draft));
        names(classes, out);
        for class in classes {
            references(draft, class, tags, out);
        }
        if is_bounded(classes, out) {
            for class in classes {
                idle_matches(class, out);
            }
            idle_classes(classes, out);
        }
    }
}

fn names(classes: &[ClassNode], out: &mut Faults) {
    let mut seen: BTreeMap<&Name, Span> = BTreeMap::new();
    for ClassNode { name, .. } in classes {
        match seen.get(&name.value) {
            Some(first) => out.push(twice("client-class", &name.value, name.span, *first)),
            None => drop(seen.insert(&name.value, name.span)),
        }
    }
}

/// Each packet is held against each of them.
fn is_bounded(classes: &[ClassNode], out: &mut Faults) -> bool {
    let fault = |span: Span, what: &str| {
        let message = format!("more than {} {what}", limit::CLIENT_CLASSES);
        Diagnostic::new(Code::Limit, message).label(span, "one too many")
    };
    let mut is_bounded = true;
    if let Some(beyond) = classes.get(limit::CLIENT_CLASSES) {
        out.push(fault(beyond.name.span, "client classes in one place"));
        is_bounded = false;
    }
    for class in classes {
        if let Some(beyond) = class.matches.get(limit::CLIENT_CLASSES) {
            out.push(fault(beyond.span, "`match` nodes in one class"));
            is_bounded = false;
        }
    }
    is_bounded
}

fn all_tags<'d>(draft: &'d Draft<'_>) -> BTreeSet<&'d str> {
    let machines = draft.hosts.iter().filter_map(|host| match &host.role {
        Role::Machine(shape) => Some(&**shape),
        Role::Controller(_) => None,
    });
    let profiles = draft.declarations.profiles.iter().map(|node| &node.shape);
    let tags = machines
        .chain(profiles)
        .flat_map(|shape| shape.tags.iter().flatten());
    tags.map(|tag| tag.value.as_str()).collect()
}

fn references(draft: &Draft<'_>, class: &ClassNode, tags: &BTreeSet<&str>, out: &mut Faults) {
    let gaps = &draft.declarations.gaps;
    if let Some(image) = class.image.given() {
        draft.images.check(image, gaps, out);
    }
    for tag in class.matches.iter().filter_map(|one| one.tag.given()) {
        let may_hide = gaps.may_hide(&["machine", "profile"]);
        if !tags.contains(tag.value.as_str()) && !may_hide {
            refer("tag", tag, tags.iter().copied(), gaps, out);
        }
    }
}

/// A match that another of its class makes needless.
fn idle_matches(class: &ClassNode, out: &mut Faults) {
    let asked: Vec<Option<ClassMatch>> = class.matches.iter().map(MatchNode::asked).collect();
    let matches = || class.matches.iter().zip(&asked).enumerate();
    for (at, (node, own)) in matches() {
        let Some(own) = own else {
            continue;
        };
        let covering = matches().find(|(other_at, (_, other))| {
            let Some(other) = other else {
                return false;
            };
            // Of two that ask the same, the first stands.
            *other_at != at && other.covers(own) && (!own.covers(other) || *other_at < at)
        });
        if let Some((_, (other, _))) = covering {
            out.push(
                Diagnostic::new(Code::ClassIdle, "a `match` that makes no difference")
                    .label(node.span, "whoever fits this …")
                    .label(other.span, "… fits this")
                    .help("remove it"),
            );
        }
    }
}

/// A class all of whose clients are told all that it says by another one that counts before it.
fn idle_classes(classes: &[ClassNode], out: &mut Faults) {
    for class in classes {
        let before = classes
            .iter()
            .filter(|other| other.name.value < class.name.value);
        let Some(other) = before.into_iter().find(|other| hides(other, class)) else {
            continue;
        };
        let message = format!("the client class `{}` never counts", class.name.value);
        out.push(
            Diagnostic::new(Code::ClassIdle, message)
                .label(class.name.span, "nothing that it says is ever told")
                .label(other.name.span, "its clients are of this one too, which says all of it")
                .help("classes count in the order of their names: rename it to come first, or let the other ask for more"),
        );
    }
}

/// Whether `first` leaves nothing for `second` to say.
fn hides(first: &ClassNode, second: &ClassNode) -> bool {
    let first_asks: Vec<ClassMatch> = first.matches.iter().filter_map(MatchNode::asked).collect();
    let fits = |node: &MatchNode| {
        node.asked()
            .is_some_and(|asked| first_asks.iter().any(|first| first.covers(&asked)))
    };
    let says = |code: u8| first.options.iter().any(|option| option.code.value == code);
    !second.matches.is_empty()
        && second.matches.iter().all(fits)
        && second.options.iter().all(|option| says(option.code.value))
        && (second.image.is_absent() || first.image.given().is_some())
}
