//! Ranges: within their subnet, apart from each other, and dynamic ones free of addresses that something has.

use std::net::IpAddr;

use crate::base::addr::AddressRange;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::{Span, Spanned};
use crate::lang::node::SubnetNode;
use crate::site::resolve::{Domain, Draft};
use crate::site::taken::{self, AllTaken, Owner, RELOCK, Taken};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let taken = taken::taken(draft);
    for subnet in &draft.subnets {
        let mut sound = placed(subnet.node, out);
        if subnet.node.managed.value() == Some(&false) {
            within_reserved(&sound, subnet.node, out);
            let (dynamic, reserved) = sound.into_iter().partition(|range| range.is_dynamic);
            let dynamic: Vec<Sound> = dynamic;
            apart(&dynamic, out);
            sound = reserved;
        }
        let alone = apart(&sound, out);
        for range in alone.into_iter().filter(|range| range.is_dynamic) {
            free(subnet.domain, range, &taken, out);
        }
    }
}

/// A range that lies in its subnet.
struct Sound {
    range: AddressRange,
    span: Span,
    is_dynamic: bool,
}

/// Where something else gives the addresses, a dynamic range says which of the reserved ones are its.
fn within_reserved(ranges: &[Sound], subnet: &SubnetNode, out: &mut Faults) {
    let (dynamic, reserved): (Vec<&Sound>, Vec<&Sound>) =
        ranges.iter().partition(|range| range.is_dynamic);
    let mut reserved: Vec<AddressRange> = reserved.iter().map(|one| one.range).collect();
    reserved.sort_unstable();
    // The furthest that any range reaches which begins no later.
    let reach: Vec<IpAddr> = reserved
        .iter()
        .scan(None, |furthest: &mut Option<IpAddr>, range| {
            *furthest = Some(furthest.map_or(range.last(), |last| last.max(range.last())));
            *furthest
        })
        .collect();
    for range in dynamic {
        let before = reserved.partition_point(|outer| outer.first() <= range.range.first());
        let furthest = before.checked_sub(1).and_then(|last| reach.get(last));
        if furthest.is_some_and(|last| *last >= range.range.last()) {
            continue;
        }
        let message = format!(
            "the range {} lies in no reserved range, and {} is unmanaged",
            range.range, subnet.prefix.value
        );
        out.push(
            Diagnostic::new(Code::RangeUnmanaged, message)
                .label(range.span, "not this site's to give")
                .label(subnet.prefix.span, "an unmanaged subnet")
                .help("reserve it for this site: reserved-range \"…\" around it"),
        );
    }
}

/// Reports the ranges that do not lie in their subnet, and returns the others.
fn placed(subnet: &SubnetNode, out: &mut Faults) -> Vec<Sound> {
    let dynamic = subnet.dynamic.iter().map(|pool| (&pool.range, true));
    let reserved = subnet.reserved.iter().map(|node| (&node.range, false));
    let mut sound = Vec::new();
    for (range, is_dynamic) in dynamic.chain(reserved) {
        if let Some(fault) = misplaced(subnet, range, is_dynamic) {
            out.push(fault);
            continue;
        }
        if is_dynamic && range.value.first().is_ipv6() {
            out.push(
                Diagnostic::new(Code::Unsupported, "an IPv6 dynamic range is not served yet")
                    .label(range.span, "no DHCPv6 in this release")
                    .help("remove the range; fixed IPv6 addresses work"),
            );
            continue;
        }
        sound.push(Sound {
            range: range.value,
            span: range.span,
            is_dynamic,
        });
    }
    sound
}

fn misplaced(
    subnet: &SubnetNode,
    range: &Spanned<AddressRange>,
    is_dynamic: bool,
) -> Option<Diagnostic> {
    let prefix = subnet.prefix.value;
    let (first, last) = (range.value.first(), range.value.last());
    let problem = if !range.value.is_within(prefix) {
        format!("the range {} is not within {prefix}", range.value)
    } else if is_dynamic && prefix.is_edge(first) {
        format!(
            "the range {} begins with the network address of {prefix}",
            range.value
        )
    } else if is_dynamic && prefix.is_edge(last) {
        format!(
            "the range {} ends with the broadcast address of {prefix}",
            range.value
        )
    } else {
        return None;
    };
    Some(
        Diagnostic::new(Code::RangePlace, problem)
            .label(
                range.span,
                "these addresses are not all for hosts of the subnet",
            )
            .label(subnet.prefix.span, "the subnet"),
    )
}

/// Ranges of a subnet may not overlap: a sweep over their first addresses. Returns those that overlap none before them.
fn apart<'r>(ranges: &'r [Sound], out: &mut Faults) -> Vec<&'r Sound> {
    let mut sorted: Vec<&Sound> = ranges.iter().collect();
    sorted.sort_by_key(|sound| (sound.range, sound.span));
    let mut furthest: Option<&Sound> = None;
    let mut alone = Vec::new();
    for sound in sorted {
        match furthest.filter(|before| before.range.overlaps(sound.range)) {
            None => alone.push(sound),
            Some(before) => {
                let message = format!("the ranges {} and {} overlap", sound.range, before.range);
                out.push(
                    Diagnostic::new(Code::RangeOverlap, message)
                        .label(sound.span, "this range")
                        .label(before.span, "and this one share addresses")
                        .help("an address is dynamic, reserved or free: let the ranges end before each other"),
                );
            }
        }
        if furthest.is_none_or(|before| before.range.last() < sound.range.last()) {
            furthest = Some(sound);
        }
    }
    alone
}

fn free(domain: Domain, range: &Sound, taken: &AllTaken<'_>, out: &mut Faults) {
    let inside = taken
        .within(domain, range.range.first(), range.range.last())
        // A record may well speak of somebody with a lease.
        .filter(|taken| !matches!(taken.by, Owner::Record));
    for Taken {
        ip,
        span,
        by,
        is_locked,
        ..
    } in inside
    {
        let help = if *is_locked {
            RELOCK
        } else {
            "move the address out of the range, or let the range leave it out"
        };
        out.push(
            Diagnostic::new(
                Code::RangeHoldsAddress,
                format!("{ip} of {by} lies in the dynamic range {}", range.range),
            )
            .label(*span, "fixed here")
            .label(range.span, "handed out to anyone here")
            .help(help),
        );
    }
}
