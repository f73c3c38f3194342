//! Which links other programs manage, by what those keep in `/run`: no bus is asked, so nothing waits for a program that hangs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::base::name::LinkName;
use crate::state::Manager;

/// Where the programs keep what they know.
pub(super) struct Managers {
    run: PathBuf,
    /// Whether they see the same links as we do: what they keep names links by number.
    are_here: bool,
}

impl Managers {
    /// Of this machine.
    pub(super) fn of_host() -> Self {
        let of = |process: &str| fs::read_link(format!("/proc/{process}/ns/net"));
        // Where that cannot be asked, it is most likely so.
        let are_here = match (of("self"), of("1")) {
            (Ok(own), Ok(first)) => own == first,
            (Err(_), _) | (_, Err(_)) => true,
        };
        Self {
            run: PathBuf::from("/run"),
            are_here,
        }
    }

    /// The links that are managed, each by the program that was asked last.
    pub(super) fn read(
        &self,
        name: impl Fn(u32) -> Option<LinkName>,
    ) -> BTreeMap<LinkName, Manager> {
        let mut found = BTreeMap::new();
        if !self.are_here {
            return found;
        }
        let state = fs::read_to_string(self.run.join("network/ifstate")).unwrap_or_default();
        found.extend(ifupdown(&state).map(|link| (link, Manager::Ifupdown)));
        let folders = [
            (
                "systemd/netif/links",
                is_networkds as fn(&str) -> bool,
                Manager::Networkd,
            ),
            (
                "NetworkManager/devices",
                is_network_managers,
                Manager::NetworkManager,
            ),
        ];
        for (folder, is_managed, manager) in folders {
            for (index, text) in numbered(&self.run.join(folder)) {
                if let Some(link) = name(index).filter(|_| is_managed(&text)) {
                    found.insert(link, manager);
                }
            }
        }
        found
    }
}

/// The files of a folder that are named by a link's index. A program that does not run has no folder, or an empty one.
fn numbered(folder: &Path) -> Vec<(u32, String)> {
    let Ok(listing) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let files = listing.filter_map(|entry| {
        let entry = entry.ok()?;
        let index = entry.file_name().to_str()?.parse().ok()?;
        Some((index, fs::read_to_string(entry.path()).ok()?))
    });
    files.collect()
}

/// Whether a link's file of networkd says that a `.network` file applies to it (`link_state_to_string` in `networkd-link.c`).
fn is_networkds(text: &str) -> bool {
    let mut lines = text.lines();
    let state = lines.find_map(|line| line.strip_prefix("ADMIN_STATE="));
    matches!(state, Some("configuring" | "configured" | "failed"))
}

/// Whether a device's file of NetworkManager says that it is managed. One that it only looks at has no such line.
fn is_network_managers(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "managed=true")
}

/// The links that `ifup` set up: lines `LINK=NAME`, where the name is that of the description.
fn ifupdown(text: &str) -> impl Iterator<Item = LinkName> {
    let names = text.lines().filter_map(|line| line.split_once('='));
    names
        .filter_map(|(link, _)| link.trim().parse().ok())
        .filter(|link| *link != LinkName::loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIGURED: &str = "# This is private data. Do not parse.\nADMIN_STATE=configured\nOPER_STATE=routable\n\
        CARRIER_STATE=carrier\nADDRESS_STATE=routable\nONLINE_STATE=online\nREQUIRED_FOR_ONLINE=yes\n\
        NETWORK_FILE=/run/systemd/network/10-netplan-eno1.network\n";
    const MANAGED: &str = "[device]\nmanaged=true\nconnection-uuid=3e4b9a5c-5b8e-4d3c-9a57-0f7f3f2a9c11\nnm-owned=false\n\
        route-metric-default-aspired=100\nroute-metric-default-effective=100\n";

    #[test]
    fn each_program_is_understood() {
        for (text, expected) in [
            (CONFIGURED, true),
            ("ADMIN_STATE=configuring\nOPER_STATE=carrier\n", true),
            ("ADMIN_STATE=failed\n", true),
            ("ADMIN_STATE=unmanaged\nOPER_STATE=routable\n", false),
            ("ADMIN_STATE=pending\n", false),
            ("ADMIN_STATE=linger\n", false),
            ("", false),
        ] {
            assert_eq!(is_networkds(text), expected, "{text}");
        }
        for (text, expected) in [
            (MANAGED, true),
            ("[device]\nmanaged=false\n", false),
            (
                "[device]\nperm-hw-addr-fake=52:54:00:00:00:01\nnm-owned=false\n",
                false,
            ),
            ("", false),
        ] {
            assert_eq!(is_network_managers(text), expected, "{text}");
        }
        let links: Vec<String> = ifupdown("lo=lo\neno1=eno1\neno2=office\n")
            .map(|link| link.to_string())
            .collect();
        assert_eq!(links, ["eno1", "eno2"]);
    }

    #[test]
    fn links_go_by_their_numbers_where_the_programs_see_them() {
        let run = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let whole = run.path().join(path);
            fs::create_dir_all(whole.parent().unwrap()).unwrap();
            fs::write(whole, text).unwrap();
        };
        let link = |name: &str| -> LinkName { name.parse().unwrap() };
        let names = |index| {
            [(2, "eno1"), (3, "eno2")]
                .into_iter()
                .find(|(one, _)| *one == index)
        };
        let read = |are_here| {
            let managers = Managers {
                run: run.path().to_owned(),
                are_here,
            };
            managers.read(|index| names(index).map(|(_, name)| link(name)))
        };
        assert_eq!(read(true), BTreeMap::new(), "none of them runs");
        write("systemd/netif/links/2", CONFIGURED);
        write("systemd/netif/links/9", CONFIGURED);
        write("NetworkManager/devices/3", MANAGED);
        write("NetworkManager/devices/no-number", MANAGED);
        write("network/ifstate", "lo=lo\neno3=eno3\n");
        let expected = [
            (link("eno1"), Manager::Networkd),
            (link("eno2"), Manager::NetworkManager),
            (link("eno3"), Manager::Ifupdown),
        ];
        assert_eq!(read(true), BTreeMap::from(expected));
        assert_eq!(read(false), BTreeMap::new(), "their links are others");
    }
}
