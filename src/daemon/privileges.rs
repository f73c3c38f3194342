//! What the daemon may do: three capabilities, and nothing that it does not need.

use caps::{CapSet, Capability, CapsHashSet};

/// Links and routes; raw frames for clients without address; ports below 1024.
const KEPT: [Capability; 3] = [
    Capability::CAP_NET_ADMIN,
    Capability::CAP_NET_RAW,
    Capability::CAP_NET_BIND_SERVICE,
];

/// Drops every other capability, for good: what is not in the bounding set cannot come back by running a program.
/// Capabilities belong to threads, so this comes before the first further thread.
///
/// # Errors
/// Where the kernel refuses.
pub(super) fn drop_privileges() -> Result<(), caps::errors::CapsError> {
    let kept: CapsHashSet = KEPT.into_iter().collect();
    let held = caps::read(None, CapSet::Permitted)?;
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
