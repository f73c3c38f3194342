//! Settings of links: read with the links, written to the files that the kernel has for them.

use std::collections::BTreeMap;
use std::path::Path;

use netlink_packet_route::link::{AfSpecInet, AfSpecInet6, AfSpecUnspec, LinkAttribute};

use super::error::HostError;
use super::pick;
use crate::base::name::LinkName;
use crate::base::setting::{DISAGREE, LinkSetting};
use crate::state::Key;

/// Where the kernel has them, for the network namespace of whoever asks.
const ROOT: &str = "/proc/sys";

/// The settings that the kernel tells of a link. Those of two address families that disagree are told as neither is.
pub(super) fn read(attributes: &[LinkAttribute]) -> BTreeMap<LinkSetting, u32> {
    let spec = pick!(attributes, LinkAttribute::AfSpecUnspec(spec) => spec.as_slice());
    let spec = spec.unwrap_or_default();
    let inet = pick!(spec, AfSpecUnspec::Inet(inet) => inet.as_slice()).unwrap_or_default();
    let inet6 = pick!(spec, AfSpecUnspec::Inet6(inet6) => inet6.as_slice()).unwrap_or_default();
    let v4 = pick!(inet, AfSpecInet::DevConf(conf) => conf);
    let v6 = pick!(inet6, AfSpecInet6::DevConf(conf) => conf);
    let mut settings = BTreeMap::new();
    let mut add = |setting, value: i32| {
        let value = u32::try_from(value).unwrap_or(DISAGREE);
        let known = settings.entry(setting).or_insert(value);
        if *known != value {
            *known = DISAGREE;
        }
    };
    if let Some(conf) = v4 {
        add(LinkSetting::Forwarding, conf.forwarding);
        add(LinkSetting::ArpIgnore, conf.arp_ignore);
        add(LinkSetting::ArpAnnounce, conf.arp_announce);
        add(LinkSetting::ArpFilter, conf.arpfilter);
        add(LinkSetting::ArpAccept, conf.arp_accept);
        add(LinkSetting::ProxyArp, conf.proxy_arp);
        add(LinkSetting::RpFilter, conf.rp_filter);
    }
    if let Some(conf) = v6 {
        add(LinkSetting::Forwarding, conf.forwarding);
        add(LinkSetting::AcceptRa, conf.accept_ra);
    }
    settings
}

/// Writes what differs from `found`.
///
/// # Errors
/// [`HostError::Setting`].
pub(super) fn write(
    key: &Key,
    link: &LinkName,
    found: &BTreeMap<LinkSetting, u32>,
    wanted: &BTreeMap<LinkSetting, u32>,
) -> Result<(), HostError> {
    // What two families disagree about was not set by us, and cannot be put back as one number.
    let differs = |(setting, value): &(&LinkSetting, &u32)| {
        found.get(setting) != Some(value) && **value != DISAGREE
    };
    for (setting, value) in wanted.iter().filter(differs) {
        for file in setting.files() {
            let path = Path::new(ROOT).join(file.path(link));
            let written = std::fs::write(&path, format!("{value}\n"));
            written.map_err(|source| HostError::Setting {
                key: key.clone(),
                path,
                source,
            })?;
        }
    }
    Ok(())
}
