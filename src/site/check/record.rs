//! Records: each name once, an alias alone, and nothing that leads to an alias or nowhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::duration::Seconds;
use crate::base::name::{DomainName, LinkName};
use crate::base::record::{RecordData, RecordType};
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::{Span, Spanned};
use crate::lang::node::RecordNode;
use crate::site::host_name::{NamedLink, names};
use crate::site::resolve::{Draft, absolute};

/// Longest time that a resolver may keep an answer (RFC 8767 4).
const TTL_MOST: Seconds = Seconds(7 * 86_400);

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let records = &draft.declarations.records;
    // Of two sites, which is a fault of its own, none says what the names are below.
    let is_one = draft.declarations.sites.len() == 1 && !records.is_empty();
    let Some(domain) = draft.domain_name().filter(|_| is_one) else {
        return;
    };
    let hosts = host_names(draft, domain);
    let mut seen = Records::new();
    for record in records {
        shape(record, out);
        let Ok(name) = record.name.value.within(domain) else {
            let message = "the record's name is too long in the site's domain";
            out.push(
                Diagnostic::new(Code::InvalidName, message).label(record.name.span, "too long"),
            );
            continue;
        };
        of_host(record, hosts.get(&name).copied(), out);
        out.extend(whole_name(record, domain));
        let known = seen.entry(name).or_default();
        if let Some(first) = known.first() {
            out.push(
                Diagnostic::new(
                    Code::DuplicateName,
                    format!("the record `{}` is declared twice", record.name.value),
                )
                .label(record.name.span, "declared again here")
                .label(first.name.span, "first declared here")
                .help("put all that the name has into one `record`"),
            );
        }
        known.push(record);
    }
    targets(draft, domain, &seen, &hosts, out);
    circles(domain, &seen, out);
}

/// All that is said of each name; more than once is a fault, and counts all the same.
type Records<'d> = BTreeMap<DomainName, Vec<&'d RecordNode>>;

/// What a name stands for.
fn alias<'d>(records: &Records<'d>, name: &DomainName) -> Option<&'d Spanned<RecordData>> {
    let mut records = records.get(name)?.iter();
    records.find_map(|record| find(record, |value| matches!(value, RecordData::Cname(_))))
}

/// The names that hosts have in DNS, with the places of the links, and of the hosts for their own.
fn host_names(draft: &Draft<'_>, domain: &DomainName) -> BTreeMap<DomainName, Span> {
    let mut found = BTreeMap::new();
    for host in &draft.hosts {
        // A name of a host without addresses is its own all the same.
        let own = domain.child(host.name.value.as_str()).ok();
        found.extend(own.map(|own| (own, host.name.span)));
        let named = host.links.iter().filter(|link| link.has_address());
        let links = named.clone().map(|link| NamedLink {
            link: &link.node.name.value,
            is_served: draft.is_served(host, link),
        });
        let spans: BTreeMap<&LinkName, Span> = named
            .map(|link| (&link.node.name.value, link.node.name.span))
            .collect();
        for (link, name) in names(domain, &host.name.value, links).into_iter().skip(1) {
            found.extend(spans.get(link).map(|span| (name, *span)));
        }
    }
    found
}

fn shape(record: &RecordNode, out: &mut Faults) {
    let name = &record.name;
    if record.values.is_empty() && !record.is_partial {
        out.push(
            Diagnostic::new(
                Code::Missing,
                format!("the record `{}` says nothing", name.value),
            )
            .label(record.span, "nothing in its block")
            .help("add what the name has, such as a \"10.10.0.5\""),
        );
    }
    if let Some(ttl) = record.ttl.given().filter(|ttl| ttl.value > TTL_MOST) {
        let message = format!("{} is longer than {TTL_MOST}", ttl.value);
        out.push(Diagnostic::new(Code::InvalidValue, message).label(ttl.span, "out of bounds"));
    }
    let alias = find(record, |value| matches!(value, RecordData::Cname(_)));
    let other = find(record, |value| !matches!(value, RecordData::Cname(_)));
    if let (Some(alias), Some(other)) = (alias, other) {
        out.push(
            Diagnostic::new(
                Code::RecordAlias,
                format!(
                    "`{}` stands for another name and has something beside it",
                    name.value
                ),
            )
            .label(other.span, "beside the alias")
            .label(alias.span, "the alias")
            .help("remove one of them: an alias is all that a name has (RFC 1034 3.6.2)"),
        );
    }
    let is_apex = name.value.as_str() == "@";
    if let Some(alias) = alias.filter(|_| is_apex) {
        out.push(
            Diagnostic::new(
                Code::RecordAlias,
                "the domain itself cannot stand for another name",
            )
            .label(alias.span, "the zone has records of its own")
            .help("give the addresses instead: a \"…\""),
        );
    }
    let servers = find(record, |value| matches!(value, RecordData::Ns(_)));
    if let Some(servers) = servers.filter(|_| is_apex || name.value.is_wildcard()) {
        let message = if is_apex {
            "the site's own zone is served by its controllers"
        } else {
            "a wildcard is no zone of others"
        };
        out.push(
            Diagnostic::new(Code::RecordZone, message)
                .label(servers.span, "name servers")
                .help("name servers are for a zone below the domain: record \"lab\" { ns \"…\" }"),
        );
    }
}

fn find(record: &RecordNode, is_wanted: fn(&RecordData) -> bool) -> Option<&Spanned<RecordData>> {
    record.values.iter().find(|value| is_wanted(&value.value))
}

/// A host's addresses are those of its links; a record may say more of it, but not them.
fn of_host(record: &RecordNode, host: Option<Span>, out: &mut Faults) {
    let Some(host) = host else {
        return;
    };
    let taken = find(record, |value| {
        use RecordType::{A, Aaaa, Cname, Ns};
        matches!(value.kind(), A | Aaaa | Cname | Ns)
    });
    if let Some(taken) = taken {
        let message = format!(
            "`{}` is the name of a host, whose addresses the site gives",
            record.name.value
        );
        out.push(
            Diagnostic::new(Code::RecordOfHost, message)
                .label(taken.span, "given again here")
                .label(host, "the host")
                .help("use another name, or change the host's addresses"),
        );
    }
}

/// Whether a record hands a name to other servers.
fn delegates(record: &RecordNode) -> bool {
    find(record, |value| matches!(value, RecordData::Ns(_))).is_some()
}

/// A name that is written with the domain, which would be added again.
fn whole_name(record: &RecordNode, domain: &DomainName) -> Option<Diagnostic> {
    let name = &record.name;
    let below = name.value.as_str().strip_suffix(domain.as_str())?;
    let label = match below.strip_suffix('.') {
        Some(label) => label,
        None if below.is_empty() => "@",
        None => return None,
    };
    let message = format!("the record would be of `{}.{domain}`", name.value);
    Some(
        Diagnostic::new(Code::InvalidName, message)
            .label(name.span, "the site's domain is added to this")
            .help(format!("write \"{label}\"")),
    )
}

/// Aliases that lead to themselves, by way of others or straight.
fn circles(domain: &DomainName, records: &Records<'_>, out: &mut Faults) {
    let next = |name: &DomainName| -> Option<(DomainName, Span)> {
        let alias = alias(records, name)?;
        let target = absolute(domain, alias.value.target()?)?;
        Some((target, alias.span))
    };
    let mut seen: BTreeSet<DomainName> = BTreeSet::new();
    for start in records.keys() {
        let mut way: Vec<(DomainName, Span)> = Vec::new();
        let mut at = start.clone();
        // Each name is looked at once: whatever leads to one that was is told by then.
        while seen.insert(at.clone()) {
            let Some((target, span)) = next(&at) else {
                break;
            };
            way.push((at, span));
            at = target;
        }
        let circle = way.iter().skip_while(|(name, _)| *name != at);
        let mut spans: Vec<Span> = circle.map(|(_, span)| *span).collect();
        spans.sort_unstable();
        out.extend(circle_fault(&spans));
    }
}

fn circle_fault(spans: &[Span]) -> Option<Diagnostic> {
    let fault = Diagnostic::new(Code::RecordCircle, "aliases lead in a circle");
    let fault = fault.label(*spans.first()?, "leads back to itself");
    let others = spans.iter().skip(1).take(CIRCLE_SHOWN);
    let fault = others.fold(fault, |fault, span| fault.label(*span, "by way of this"));
    Some(fault.help("let one of them name a host, or give addresses: a \"…\""))
}

/// As many further aliases of a circle as are shown.
const CIRCLE_SHOWN: usize = 7;

/// What leads to a name of the domain finds it, and finds no alias there where none may be.
fn targets(
    draft: &Draft<'_>,
    domain: &DomainName,
    records: &Records<'_>,
    hosts: &BTreeMap<DomainName, Span>,
    out: &mut Faults,
) {
    let delegated: BTreeSet<&DomainName> = records
        .iter()
        .filter(|(_, records)| records.iter().any(|record| delegates(record)))
        .map(|(name, _)| name)
        .filter(|name| *name != domain)
        .collect();
    for value in records.values().flatten().flat_map(|record| &record.values) {
        let Some(target) = value
            .value
            .target()
            .and_then(|target| absolute(domain, target))
        else {
            continue;
        };
        let alias = alias(records, &target);
        if let Some(alias) = alias.filter(|_| !matches!(value.value, RecordData::Cname(_))) {
            let message = format!(
                "`{}` leads to `{target}`, which stands for another name",
                value.value.kind().word()
            );
            out.push(
                Diagnostic::new(Code::RecordToAlias, message)
                    .label(value.span, "leads to an alias")
                    .label(alias.span, "the alias")
                    .help("name the host itself (RFC 2181 10.3)"),
            );
        }
        let mut above = std::iter::successors(Some(target.clone()), DomainName::parent);
        let wildcard = target.parent().and_then(|parent| parent.wildcard());
        let is_known = !target.is_within(domain)
            || records.contains_key(&target)
            || hosts.contains_key(&target)
            || wildcard.is_some_and(|name| records.contains_key(&name))
            || above.any(|name| delegated.contains(&name));
        let may_hide = draft
            .declarations
            .gaps
            .may_hide(&["record", "machine", "controller"]);
        if !is_known && !may_hide {
            let message = format!("nothing in this site has the name `{target}`");
            out.push(
                Diagnostic::new(Code::RecordNowhere, message)
                    .label(value.span, "leads there")
                    .help("a full name has a dot; one without is a name of the site's domain"),
            );
        }
    }
}
