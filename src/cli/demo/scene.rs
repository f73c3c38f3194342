//! What the story tells, and its form for programs: one JSON value each, `event` saying which.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::news::{Identity, News, Renewals};
use crate::base::name::HostName;
use crate::plan::Plan;

/// Something to tell.
pub(super) enum Scene<'a> {
    Sandbox {
        controller: &'a HostName,
        machines: &'a [Identity],
        is_root: bool,
    },
    Site {
        text: &'a str,
    },
    Plan {
        plan: &'a Plan,
    },
    Apply,
    Boot {
        machines: &'a [HostName],
        /// Those of them that the site does not declare.
        strangers: &'a [HostName],
    },
    Edit {
        diff: &'a str,
    },
    Renewed {
        machines: &'a [HostName],
        renewals: Renewals,
    },
    Settled {
        plan: &'a Plan,
    },
    Captured {
        path: &'a Path,
        frames: u64,
    },
    Interrupted,
    End,
}

impl Scene<'_> {
    pub(super) fn value(&self) -> Value {
        match self {
            Self::Sandbox {
                controller,
                machines,
                is_root,
            } => {
                let machines: Vec<Value> = machines
                    .iter()
                    .map(|one| json!({"name": one.name, "mac": one.mac, "arch": one.arch}))
                    .collect();
                json!({"event": "sandbox", "controller": controller, "machines": machines, "root": is_root})
            }
            Self::Site { text } => json!({"event": "site", "text": text}),
            Self::Plan { plan } => json!({"event": "plan", "plan": plan}),
            Self::Apply => json!({"event": "apply"}),
            Self::Boot {
                machines,
                strangers,
            } => json!({"event": "boot", "machines": machines, "strangers": strangers}),
            Self::Edit { diff } => json!({"event": "edit", "diff": diff}),
            Self::Renewed { machines, renewals } => json!({
                "event": "renewed",
                "machines": machines,
                "asked": renewals.asked,
                "answered": renewals.answered,
                "slowest-ms": milliseconds(renewals.slowest),
            }),
            Self::Settled { plan } => json!({"event": "settled", "plan": plan}),
            Self::Captured { path, frames } => {
                json!({"event": "captured", "path": path, "frames": frames})
            }
            Self::Interrupted => json!({"event": "interrupted"}),
            Self::End => json!({"event": "end"}),
        }
    }
}

/// A machine's news, where it is one to tell.
pub(super) fn happening(machine: &Identity, news: &News) -> Option<Value> {
    let name = &machine.name;
    let value = match news {
        News::Leased(lease) => json!({
            "event": "leased",
            "machine": name,
            "address": lease.address.ip(),
            "server": lease.server,
            "seconds": lease.seconds,
        }),
        News::Loaded(loaded) => json!({
            "event": "loaded",
            "machine": name,
            "file": loaded.file,
            "protocol": loaded.protocol,
            "bytes": loaded.bytes,
            "sha256": loaded.digest,
        }),
        News::Named(found) => json!({"event": "named", "machine": name, "name": found}),
        News::Renewing | News::Renewed(_) | News::Failed(_) => return None,
    };
    Some(value)
}

/// A duration as people compare it.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}
