//! Records: each name once, an alias alone, and nothing that leads to an alias or nowhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::duration::Seconds;
use crate::base::name::DomainName;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};
use crate::lang::node::{RecordNode, RecordValue};
use crate::site::resolve::{Draft, absolute};

/// Longest time that a resolver may keep an answer (RFC 8767 4).
const TTL_MOST: Seconds = Seconds(7 * 86_400);

pub(super) fn check(draft: &Draft<'_>, out: &mut Vec<Diagnostic>) {
    let records = &draft.declarations.records;
    let Some(domain) = draft.domain_name().filter(|_| !records.is_empty()) else {
        return;
    };
    let hosts = host_names(draft, domain);
    let mut seen: BTreeMap<DomainName, &RecordNode> = BTreeMap::new();
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
        match seen.get(&name) {
            None => drop(seen.insert(name, record)),
            Some(first) => out.push(
                Diagnostic::new(
                    Code::DuplicateName,
                    format!("the record `{}` is declared twice", record.name.value),
                )
                .label(record.name.span, "declared again here")
                .label(first.name.span, "first declared here")
                .help("put all that the name has into one `record`"),
            ),
        }
    }
    targets(draft, domain, &seen, &hosts, out);
}

/// The names that hosts have in DNS, with the places of the hosts' names.
fn host_names(draft: &Draft<'_>, domain: &DomainName) -> BTreeMap<DomainName, Span> {
    let mut names = BTreeMap::new();
    for host in &draft.hosts {
        let Ok(own) = domain.child(host.name.value.as_str()) else {
            continue;
        };
        for link in &host.links {
            let label = link.node.name.value.as_str().replace('.', "-");
            names.extend(
                own.child(&label)
                    .ok()
                    .map(|name| (name, link.node.name.span)),
            );
        }
        names.insert(own, host.name.span);
    }
    names
}

fn shape(record: &RecordNode, out: &mut Vec<Diagnostic>) {
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
    let alias = find(record, |value| matches!(value, RecordValue::Cname(_)));
    let other = find(record, |value| !matches!(value, RecordValue::Cname(_)));
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
    let servers = find(record, |value| matches!(value, RecordValue::Ns(_)));
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

fn find(record: &RecordNode, is_wanted: fn(&RecordValue) -> bool) -> Option<&Spanned<RecordValue>> {
    record.values.iter().find(|value| is_wanted(&value.value))
}

/// A host's addresses are those of its links; a record may say more of it, but not them.
fn of_host(record: &RecordNode, host: Option<Span>, out: &mut Vec<Diagnostic>) {
    let Some(host) = host else {
        return;
    };
    let taken = find(record, |value| match value {
        RecordValue::A(_) | RecordValue::Aaaa(_) | RecordValue::Cname(_) | RecordValue::Ns(_) => {
            true
        }
        RecordValue::Mx { .. }
        | RecordValue::Srv { .. }
        | RecordValue::Sshfp { .. }
        | RecordValue::Txt(_) => false,
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

/// What leads to a name of the domain finds it, and finds no alias there where none may be.
fn targets(
    draft: &Draft<'_>,
    domain: &DomainName,
    records: &BTreeMap<DomainName, &RecordNode>,
    hosts: &BTreeMap<DomainName, Span>,
    out: &mut Vec<Diagnostic>,
) {
    let delegated: BTreeSet<&DomainName> = records
        .iter()
        .filter(|(_, record)| find(record, |value| matches!(value, RecordValue::Ns(_))).is_some())
        .map(|(name, _)| name)
        .filter(|name| *name != domain)
        .collect();
    for value in records.values().flat_map(|record| &record.values) {
        let Some(target) = value
            .value
            .target()
            .and_then(|target| absolute(domain, target))
        else {
            continue;
        };
        let found = records.get(&target);
        let alias =
            found.and_then(|record| find(record, |value| matches!(value, RecordValue::Cname(_))));
        if let Some(alias) = alias.filter(|_| !matches!(value.value, RecordValue::Cname(_))) {
            let message = format!(
                "`{}` leads to `{target}`, which stands for another name",
                value.value.word()
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
            || found.is_some()
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
