//! The faults that the daemon answers with: each with its code, its causes and what to do next.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::net::IpAddr;

use super::blobs::BlobError;
use super::confirm::{Unconfirmed, WITHIN};
use super::history::{Entry, before_last, last};
use super::hold::Hold;
use super::turn::UnderWay;
use crate::base::addr::Prefix;
use crate::base::digest::Digest;
use crate::base::duration::Seconds;
use crate::base::moment::Moment;
use crate::base::name::HostName;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::diag::suggest::did_you_mean;
use crate::plan::PlanError;
use crate::serve::dhcp::ReleaseError;
use crate::site::Compiled;
use crate::site::inventory::Inventory;
use crate::site::model::Site;
use crate::state::Key;
use crate::store::StoreError;

pub(super) fn store(error: StoreError) -> Fault {
    Fault::new(
        Code::StoreFailed,
        "the daemon's store failed; nothing of this request is in force",
    )
    .because(&error)
    .help("see that the state folder's disk has space and is writable, then try again")
}

pub(super) fn blob(error: &BlobError) -> Fault {
    let code = match error {
        BlobError::Write { .. } => Code::StoreFailed,
        BlobError::Upload { .. } | BlobError::Digest { .. } => Code::BadRequest,
    };
    Fault::new(code, "a boot file was not kept").because(error)
}

/// An apply that was done, could not be kept, and was undone but for `left`.
pub(super) fn not_kept(mut fault: Fault, left: &BTreeSet<Key>) -> Fault {
    if !left.is_empty() {
        fault.message = "the daemon's store failed; this request was undone in part".to_owned();
        let left = left.iter();
        fault
            .causes
            .extend(left.map(|key| format!("{key} could not be brought back")));
    }
    fault
}

/// Something kept in the store has no JSON form, or its JSON is not what was put there.
pub(super) fn corrupt(error: &(dyn Error + 'static)) -> Fault {
    Fault::new(
        Code::StoreFailed,
        "the daemon's store holds something unreadable",
    )
    .because(error)
}

pub(super) fn site(compiled: &Compiled) -> Fault {
    let mut fault = Fault::new(Code::BadRequest, "the daemon finds faults in the site");
    fault.causes = compiled
        .diagnostics
        .iter()
        .map(|diagnostic| format!("{}: {}", diagnostic.code, diagnostic.message))
        .collect();
    fault.help("run `bedplate check` with the daemon's version of bedplate")
}

pub(super) fn not_ours(controller: &HostName, site: &Site) -> Fault {
    let known: Vec<_> = site.controllers.keys().map(ToString::to_string).collect();
    Fault::new(Code::NoSuchController, format!("site {} has no controller `{controller}`", site.name)).help(format!(
        "this daemon serves controller `{controller}`; the site has {}. Start the daemon with `--controller NAME`, or name this host in the site",
        if known.is_empty() { "none".to_owned() } else { known.join(", ") }
    ))
}

pub(super) fn world(error: &(dyn Error + 'static)) -> Fault {
    Fault::new(
        Code::WorldFailed,
        "the host or its servers cannot be looked at",
    )
    .because(error)
}

pub fn plan(error: &PlanError) -> Fault {
    if let PlanError::Unmatched(pattern) = error {
        return unmatched(pattern);
    }
    Fault::new(
        Code::Internal,
        "no plan can be made; this is a fault in Bedplate",
    )
    .because(error)
}

/// What is to be left out must not be applied for a slip of the pen.
fn unmatched(pattern: &str) -> Fault {
    let message = format!("`{pattern}` matches no key that is, was or should be");
    Fault::new(Code::BadRequest, message).help(
        "give keys as plans print them with --json, such as controller/rack-1/link/br0; `*` stands for anything within a component, `**` across them",
    )
}

pub(super) fn stale(asked: &str, now: &str) -> Fault {
    Fault::new(
        Code::PlanStale,
        format!("plan {asked} is stale: from what is now, the plan would be {now}"),
    )
    .help("something changed since the plan was made; run `bedplate plan` again")
}

pub(super) fn missing_content(first: Digest, count: usize) -> Fault {
    Fault::new(
        Code::ContentMissing,
        format!(
            "the daemon lacks the content of {count} boot files, sha256 {} among them",
            first.short()
        ),
    )
    .help("apply from the site folder, so that the files can be uploaded")
}

pub(super) fn busy(holder: &UnderWay) -> Fault {
    let UnderWay { plan, who, since } = holder;
    let message = format!("another apply is running: {plan} of {who}, since {since}");
    Fault::new(Code::ApplyBusy, message)
        .help("wait for it to end, then plan again; `bedplate status` says when it has")
}

/// A time in which nobody can confirm, or everybody forgets.
pub(super) fn within(within: Seconds) -> Fault {
    let (least, most) = (WITHIN.start(), WITHIN.end());
    let message = format!("{within} to confirm an apply: it may be {least} to {most}");
    Fault::new(Code::BadRequest, message).help("two to ten minutes are usual")
}

/// Nobody applies while another apply may still be reverted.
pub(super) fn unconfirmed(waits: &Unconfirmed) -> Fault {
    let Unconfirmed {
        plan, who, until, ..
    } = waits;
    let message = format!("plan {plan}, applied by {who}, waits to be confirmed until {until}");
    Fault::new(Code::ApplyUnconfirmed, message).help(TWO_WAYS)
}

pub(super) fn other_unconfirmed(waits: &Unconfirmed) -> Fault {
    let mut fault = unconfirmed(waits);
    fault.code = Code::NothingToConfirm;
    fault.message = format!("that plan does not wait to be confirmed; {}", fault.message);
    fault
}

const TWO_WAYS: &str = "`bedplate confirm` keeps it, `bedplate rollback` goes back at once";

/// Nothing waits; `last` says what became of the apply that somebody may have meant.
pub(super) fn nothing_to_confirm(last: Option<&Entry>) -> Fault {
    let mut fault = Fault::new(Code::NothingToConfirm, "no apply waits to be confirmed");
    if let Some(Entry { plan, at, fate, .. }) = last {
        let cause = format!("the last one, {plan} of {at}, is {fate}");
        fault.causes.push(cause);
    }
    fault.help("`bedplate history` lists what was applied and what became of it")
}

/// What waited could not be kept, and waits on.
pub(super) fn not_confirmed(mut fault: Fault, until: Moment) -> Fault {
    fault.message = format!(
        "the daemon's store failed; nothing is confirmed, and the apply is reverted at {until}"
    );
    fault
}

pub(super) fn on_hold(hold: &Hold) -> Fault {
    let Hold { who, since, reason } = hold;
    let message = format!("applying is on hold by {who} since {since}: {reason}");
    Fault::new(Code::OnHold, message).help("`bedplate unlock` ends the hold; ask its owner first")
}

pub(super) fn not_on_hold(now: Option<&Hold>) -> Fault {
    let message = match now {
        Some(_) => "that hold has ended, and another one is there",
        None => "applying is not on hold",
    };
    Fault::new(Code::NotOnHold, message).help("`bedplate status` shows who holds what")
}

/// Why an apply that was kept cannot be gone back to.
fn why_no_sources(entry: &Entry) -> &'static str {
    if entry.selection.is_empty() {
        "is too long ago: its sources are not kept"
    } else {
        "was of a part of its site, which is no state to go back to"
    }
}

/// There is no state to go back to.
pub(super) fn no_state(asked: Option<u64>, history: &BTreeMap<u64, Entry>) -> Fault {
    let message = match asked {
        Some(number) => match history.get(&number) {
            Some(entry) if entry.fate.is_kept() => {
                format!("apply {number} {}", why_no_sources(entry))
            }
            Some(entry) => format!("apply {number} left no state to go back to: {}", entry.fate),
            None => format!("the history has no apply {number}"),
        },
        None => match last(history) {
            Some(last) if !last.fate.is_kept() => {
                format!(
                    "the last apply, {}, is not in force: {}",
                    last.plan, last.fate
                )
            }
            Some(_) => match before_last(history) {
                Some(entry) => {
                    let why = why_no_sources(entry);
                    format!("the apply before the last, {}, {why}", entry.number)
                }
                None => "there is no other state before the last apply".to_owned(),
            },
            None => "nothing was applied yet".to_owned(),
        },
    };
    let last = history.values().next_back().map(|entry| entry.number);
    let kept = history.values().rev().filter(|entry| entry.has_state);
    let help = match kept
        .map(|entry| entry.number)
        .find(|number| Some(*number) != last)
    {
        Some(number) => format!(
            "`bedplate rollback {number}` goes back to the last state that is kept; `bedplate history` lists them all"
        ),
        None => "`bedplate history` lists the applies; those marked * left a state to go back to"
            .to_owned(),
    };
    Fault::new(Code::NoSuchState, message).help(help)
}

/// A lease that was to be ended by hand.
pub(super) fn release(error: &ReleaseError) -> Fault {
    match error {
        ReleaseError::NoLease(_) => Fault::new(Code::NoSuchLease, error.to_string())
            .help("`bedplate leases --state all` lists those that are over, too"),
        ReleaseError::Changed(_) => Fault::new(Code::NoSuchLease, error.to_string())
            .help("`bedplate leases` shows it as it is now"),
        ReleaseError::NotStored => Fault::new(Code::StoreFailed, error.to_string()).help(
            "it is over until the daemon's next start; see that the state folder's disk has space, then let the client come again and release it once more",
        ),
        ReleaseError::Stopped(error) => world(error),
    }
}

pub(super) fn closing() -> Fault {
    Fault::new(Code::DaemonAbsent, "the daemon is shutting down")
}

/// What is asked of a site before there is any.
pub(super) fn nothing_applied() -> Fault {
    Fault::new(Code::ObjectUnknown, "no site is applied yet").help("`bedplate apply` applies one")
}

/// A subnet that what is in force does not have.
pub(super) fn no_subnet(subnet: Prefix, site: &Inventory) -> Fault {
    let known: Vec<_> = site
        .subnets
        .iter()
        .map(|one| one.subnet.to_string())
        .collect();
    let message = format!("the applied site has no subnet {subnet}");
    unknown(message, &subnet.to_string(), &known)
}

/// A VLAN that what is in force does not have.
pub(super) fn no_vlan(vlan: &str, site: &Inventory) -> Fault {
    let vlans = site.subnets.iter().map(|one| &one.vlan);
    let known: Vec<_> = vlans
        .flat_map(|known| [known.vlan.to_string(), known.to_string()])
        .collect();
    unknown(
        format!("the applied site has no VLAN `{vlan}`"),
        vlan,
        &known,
    )
}

/// An address that is in no subnet of what is in force, and that nobody has or had.
pub(super) fn no_address(address: IpAddr) -> Fault {
    let message =
        format!("no subnet of the applied site holds {address}, and nobody has leased it");
    Fault::new(Code::ObjectUnknown, message).help("`bedplate ip` lists the subnets that it has")
}

fn unknown(message: String, word: &str, known: &[String]) -> Fault {
    let meant = did_you_mean(word, known.iter().map(String::as_str));
    let list = || "`bedplate ip` lists those that it has".to_owned();
    Fault::new(Code::ObjectUnknown, message).help(meant.unwrap_or_else(list))
}

/// Something of the store that was only to be shown.
pub(super) fn unread(error: &StoreError) -> Fault {
    Fault::new(Code::StoreFailed, "the daemon's store cannot be read")
        .because(error)
        .help("see that the state folder's disk is in order")
}
