//! What the daemon may do: three capabilities, and nothing that it does not need; and what others may not do with it.

use caps::{CapSet, Capability, CapsHashSet};

/// What is kept, and what cannot be done without it.
const KEPT: [(Capability, &str); 3] = [
    (
        Capability::CAP_NET_ADMIN,
        "nothing of the host's network can be changed",
    ),
    (
        Capability::CAP_NET_RAW,
        "clients without an address get no answer, and no neighbour is asked for addresses or reachability",
    ),
    (
        Capability::CAP_NET_BIND_SERVICE,
        "no server can answer on its port",
    ),
];

/// Forbids that the process leaves its memory behind where it dies, and that others of its user read it: secrets are in it while they are
/// used (prctl(2), PR_SET_DUMPABLE). Comes after what changes its rights, which would allow it again.
///
/// # Errors
/// Where the kernel refuses.
pub(super) fn hide_memory() -> nix::Result<()> {
    nix::sys::prctl::set_dumpable(false)
}

/// Drops every other capability, for good: what is not in the bounding set cannot come back by running a program.
/// Capabilities belong to threads, so this comes before the first further thread.
///
/// # Errors
/// Where the kernel refuses.
pub(super) fn drop_privileges() -> Result<(), caps::errors::CapsError> {
    let kept: CapsHashSet = KEPT.iter().map(|(capability, _)| *capability).collect();
    let held = caps::read(None, CapSet::Permitted)?;
    for (capability, without) in lacking(&held) {
        tracing::warn!(%capability, "{without}: start the daemon as root");
    }
    if held.contains(&Capability::CAP_SETPCAP) {
        for capability in caps::all()
            .into_iter()
            .filter(|capability| !kept.contains(capability))
        {
            if caps::has_cap(None, CapSet::Bounding, capability)? {
                caps::drop(None, CapSet::Bounding, capability)?;
            }
        }
    }
    let kept: CapsHashSet = held.intersection(&kept).copied().collect();
    caps::clear(None, CapSet::Ambient)?;
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new())
}

/// What the daemon should have and was not given.
fn lacking(held: &CapsHashSet) -> impl Iterator<Item = &'static (Capability, &'static str)> {
    KEPT.iter()
        .filter(|(capability, _)| !held.contains(capability))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_told() {
        let all: CapsHashSet = KEPT.iter().map(|(capability, _)| *capability).collect();
        for (held, expected) in [
            (all, vec![]),
            (
                [Capability::CAP_NET_ADMIN, Capability::CAP_CHOWN].into(),
                vec![Capability::CAP_NET_RAW, Capability::CAP_NET_BIND_SERVICE],
            ),
            (
                CapsHashSet::new(),
                KEPT.map(|(capability, _)| capability).to_vec(),
            ),
        ] {
            let lacking: Vec<Capability> =
                lacking(&held).map(|(capability, _)| *capability).collect();
            assert_eq!(lacking, expected, "{held:?}");
        }
    }
}
