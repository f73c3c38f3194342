//! `bedplate.lock`: the addresses that were allocated, a line each. Reads it; who asks for them is for others to know.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Range;

use super::kdl::{Node, parse};
use super::node::{LOCK, LOCK_ENTRY};
use super::read::{Reader, Sink};
use super::slot::Gaps;
use crate::base::addr::Prefix;
use crate::base::name::{HostName, LinkName};
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{SourceId, Span, Spanned};

/// The source that a site folder begins with.
pub const ROOT: &str = "site.kdl";

/// Where the lock of the site lies that begins with `root`. Several sites may share a folder, each with a lock of its own.
pub fn lock_path(root: &str) -> String {
    if root == ROOT {
        return "bedplate.lock".to_owned();
    }
    format!("{}.lock", root.strip_suffix(".kdl").unwrap_or(root))
}

/// One allocated address, keyed by host, interface and subnet.
#[derive(Debug, Clone)]
pub struct LockEntry {
    pub host: HostName,
    pub link: LinkName,
    pub subnet: Prefix,
    pub address: Spanned<IpAddr>,
    pub span: Span,
}

/// All that a lock holds.
#[derive(Debug, Default)]
pub struct LockNode {
    pub entries: Vec<LockEntry>,
    /// Whether some entry could not be read, so that it may be missed.
    pub is_partial: bool,
}

/// Reads a lock. What a merge left of both sides counts, so that no address is forgotten.
pub(super) fn read(id: SourceId, text: &str, out: &mut Vec<Diagnostic>) -> LockNode {
    let Merged {
        text,
        conflict,
        theirs,
    } = without_marks(text);
    if let Some((start, end)) = conflict.clone().map(|mark| (mark.start, mark.end)) {
        out.push(
            Diagnostic::new(Code::MergeConflict, "a merge left a conflict in the lock")
                .label(Span::new(id, start, end), "it begins here")
                .help("run `bedplate lock`: it keeps the addresses of both sides, and of two that are one ours"),
        );
    }
    let mut gaps = Gaps::default();
    let reported = out.len();
    let tree = parse(id, &text, &mut gaps, out);
    let mut sink = Sink::new(out, gaps);
    let mut entries = Vec::new();
    for node in tree.roots(&text) {
        if node.name().value == LOCK_ENTRY.name {
            entries.extend(entry(node, &mut sink));
        } else {
            sink.unknown(node, &LOCK);
        }
        if sink.is_full() {
            sink.give_up(node.head());
            break;
        }
    }
    let is_partial = out.len() > reported || conflict.is_some();
    LockNode {
        entries: without_twins(entries, &theirs),
        is_partial,
    }
}

/// Both sides of a merge allocate the lowest free address, and so often the same one: ours keeps it, and theirs is allocated anew.
/// Where both allocated for the same machine, ours counts too.
fn without_twins(entries: Vec<LockEntry>, theirs: &[Range<usize>]) -> Vec<LockEntry> {
    if theirs.is_empty() {
        return entries;
    }
    let is_theirs = |entry: &LockEntry| {
        let at = entry.span.start as usize;
        let before = theirs.partition_point(|side| side.start <= at);
        let side = before.checked_sub(1).and_then(|last| theirs.get(last));
        side.is_some_and(|side| side.contains(&at))
    };
    let (theirs, own): (Vec<LockEntry>, Vec<LockEntry>) = entries.into_iter().partition(is_theirs);
    let key = |entry: &LockEntry| (entry.host.clone(), entry.link.clone(), entry.subnet);
    let place = |entry: &LockEntry| (entry.subnet, entry.address.value);
    let (keys, places): (BTreeSet<_>, BTreeSet<_>) =
        own.iter().map(|entry| (key(entry), place(entry))).unzip();
    let is_new = |entry: &LockEntry| !keys.contains(&key(entry)) && !places.contains(&place(entry));
    let further = theirs.into_iter().filter(is_new);
    own.into_iter().chain(further).collect()
}

fn entry(node: Node<'_>, sink: &mut Sink<'_>) -> Option<LockEntry> {
    if node.arguments().len() < LOCK_ENTRY.arguments.len() {
        let message = "a line of the lock has a host, a link, a subnet and an address";
        sink.report(
            Diagnostic::new(Code::Missing, message)
                .label(node.head(), "cut short")
                .help("remove the line and run `bedplate lock`, which allocates another address"),
        );
        return None;
    }
    let reader = Reader::open(node, &LOCK_ENTRY, sink);
    let host = reader.argument(0, sink).into_given();
    let link = reader.argument(1, sink).into_given();
    let subnet = reader.argument(2, sink).into_given();
    let address: Option<Spanned<IpAddr>> = reader.argument(3, sink).into_given();
    let (host, link, subnet, address) = (host?, link?, subnet?, address?);
    let subnet: Spanned<Prefix> = subnet;
    if !subnet.value.contains(address.value) {
        let message = format!("{} is not in {}", address.value, subnet.value);
        sink.report(
            Diagnostic::new(Code::LockEntry, message)
                .label(address.span, "of another subnet")
                .label(subnet.span, "the subnet")
                .help("remove the line and run `bedplate lock`, which allocates another address"),
        );
        return None;
    }
    Some(LockEntry {
        host: host.value,
        link: link.value,
        subnet: subnet.value,
        address,
        span: reader.span(),
    })
}

/// A text with what a merge left in it made readable.
struct Merged<'t> {
    /// The marks, and what the base held, as comments: every offset stays.
    text: Cow<'t, str>,
    /// Where the first mark stands.
    conflict: Option<Range<usize>>,
    /// What the other side holds.
    theirs: Vec<Range<usize>>,
}

fn without_marks(text: &str) -> Merged<'_> {
    const MARKS: [&str; 4] = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"];
    let mut merged = Merged {
        text: Cow::Borrowed(text),
        conflict: None,
        theirs: Vec::new(),
    };
    if !text.contains(MARKS[0]) {
        return merged;
    }
    let (mut in_base, mut begun) = (false, None);
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for line in text.split_inclusive('\n') {
        let mark = MARKS.iter().position(|mark| line.starts_with(mark));
        match mark {
            Some(1) => in_base = true,
            Some(2) => (in_base, begun) = (false, Some(at)),
            Some(_) => {
                in_base = false;
                merged.theirs.extend(begun.take().map(|begun| begun..at));
            }
            None => {}
        }
        if mark.is_some() {
            let whole = at..at + line.trim_end().len();
            merged.conflict = merged.conflict.or(Some(whole));
        }
        let hides = (mark.is_some() || in_base) && line.is_char_boundary(2) && line.len() > 2;
        match line.get(2..).filter(|_| hides) {
            Some(rest) => out.extend(["//", rest]),
            None => out.push_str(line),
        }
        at += line.len();
    }
    merged.text = Cow::Owned(out);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::span::Sources;

    #[test]
    fn both_sides_of_a_merge_count_and_its_base_does_not() {
        let line = |host: &str, last: u8| {
            format!("address \"{host}\" \"eth0\" \"10.0.0.0/24\" \"10.0.0.{last}\"\n")
        };
        let text = [
            line("a", 1),
            "<<<<<<< ours\n".to_owned(),
            line("b", 2),
            "||||||| base\n".to_owned(),
            line("old", 9),
            "=======\n".to_owned(),
            line("c", 3),
            line("twin", 2),
            ">>>>>>> theirs\n".to_owned(),
        ]
        .concat();
        let id = Sources::default().add("bedplate.lock", text.as_str().into());
        let mut faults = Vec::new();
        let lock = read(id, &text, &mut faults);
        let hosts: Vec<_> = lock.entries.iter().map(|one| one.host.as_str()).collect();
        assert_eq!(hosts, ["a", "b", "c"]);
        let codes: Vec<_> = faults.iter().map(|fault| fault.code).collect();
        assert_eq!(codes, [Code::MergeConflict]);
        let second = lock.entries.get(1).unwrap().address.span;
        let written = text.get(second.start as usize..second.end as usize);
        assert_eq!(written, Some("\"10.0.0.2\""), "places stay");
    }
}
