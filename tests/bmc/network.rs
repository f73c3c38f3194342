//! The BMC's own network is told as ipmitool finds it, and read back.

use std::net::Ipv4Addr;

use bedplate::base::bmc::{AddressSource, BmcNetwork, BmcNetworkWish};
use bedplate::world::bmc::ipmi::{Privilege, Session, Target};

use crate::counterpart::{Bmc, Setup};

const OWN: Ipv4Addr = Ipv4Addr::LOCALHOST;
const GATEWAY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

fn target(bmc: &Bmc) -> Target {
    let mut target = bmc.target();
    target.privilege = Privilege::Administrator;
    target
}

fn told(bmc: &Bmc) -> BmcNetwork {
    bmc.session(async |session| session.network().await)
}

/// What `ipmitool lan print` says, in one blank each.
fn printed(bmc: &Bmc) -> String {
    let said = bmc.ipmitool("lan print 1");
    let lines = said.lines();
    let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_network_is_told_and_read_back() {
    let bmc = Bmc::sim(Setup::default());
    let mask = Ipv4Addr::new(255, 255, 255, 0);
    let first = BmcNetwork {
        source: AddressSource::Dhcp,
        mask,
        gateway: None,
        vlan: None,
    };
    assert_eq!(told(&bmc), first);
    let wide = Ipv4Addr::new(255, 0, 0, 0);
    for (wish, expected, shown) in [
        (
            BmcNetworkWish {
                fixed: Some((OWN, wide)),
                gateway: Some(GATEWAY),
                vlan: Some(Some(40)),
            },
            BmcNetwork {
                source: AddressSource::Static,
                mask: wide,
                gateway: Some(GATEWAY),
                vlan: Some(40),
            },
            &[
                "IP Address Source : Static Address",
                "IP Address : 127.0.0.1",
                "Subnet Mask : 255.0.0.0",
                "Default Gateway IP : 127.0.0.9",
                "802.1q VLAN ID : 40",
            ][..],
        ),
        // What is not said stays.
        (
            BmcNetworkWish {
                fixed: None,
                gateway: None,
                vlan: Some(None),
            },
            BmcNetwork {
                source: AddressSource::Dhcp,
                mask: wide,
                gateway: Some(GATEWAY),
                vlan: None,
            },
            &[
                "IP Address Source : DHCP Address",
                "802.1q VLAN ID : Disabled",
            ],
        ),
    ] {
        let set = async |session: &mut Session| session.set_network(&wish).await;
        bmc.session_as(&target(&bmc), set).unwrap();
        assert_eq!(told(&bmc), expected);
        let printed = printed(&bmc);
        assert!(printed.contains("Set in Progress : Set Complete"));
        for line in shown {
            assert!(printed.contains(line), "{line}: {printed}");
        }
    }
}

/// An operator may not, and nobody is kept from it by that.
#[test]
fn whoever_may_not_leaves_it_open_to_others() {
    let bmc = Bmc::sim(Setup::default());
    let wish = BmcNetworkWish {
        fixed: Some((OWN, Ipv4Addr::new(255, 255, 255, 0))),
        gateway: None,
        vlan: None,
    };
    let set = async |session: &mut Session| session.set_network(&wish).await;
    let refused = bmc.session_as(&bmc.target(), set).unwrap_err().to_string();
    assert!(refused.contains("privilege does not suffice"), "{refused}");
    assert!(printed(&bmc).contains("Set in Progress : Set Complete"));
}
