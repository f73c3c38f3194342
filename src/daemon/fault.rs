//! The faults that the daemon answers with: each with its code, its causes and what to do next.

use std::collections::BTreeSet;
use std::error::Error;

use super::blobs::BlobError;
use crate::base::digest::Digest;
use crate::base::name::HostName;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::plan::PlanError;
use crate::site::Compiled;
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

pub(super) fn plan(error: &PlanError) -> Fault {
    Fault::new(
        Code::Internal,
        "no plan can be made; this is a fault in Bedplate",
    )
    .because(error)
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

pub(super) fn busy() -> Fault {
    Fault::new(Code::ApplyBusy, "another apply is running")
        .help("wait for it to end, then plan again; `bedplate status` answers once it has")
}

pub(super) fn closing() -> Fault {
    Fault::new(Code::DaemonAbsent, "the daemon is shutting down")
}
