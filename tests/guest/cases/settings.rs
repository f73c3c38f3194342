//! What links are made with: settings of theirs alone, and hardware addresses.

use crate::lab::{Lab, steps};
use crate::support::guest;

/// Every kind that is made, with `more` in each.
fn links(bond: &str, more: &str) -> String {
    format!(
        r#"ethernet "p0"; ethernet "p1"
        bond "bond0" mode="active-backup" {bond} {{ ports "p0"; {more} }}
        tagged "t10" on="bond0" vlan="v10" {{ address "10.10.0.2"; {more} }}
        bridge "br0" vlan="u" {{ ports "p1"; address "10.0.0.2"; {more} }}
        dummy "d0" {{ address "192.0.2.1/32"; {more} }}"#
    )
}

const LINKS: [&str; 4] = ["bond0", "t10", "br0", "d0"];

fn read(lab: &Lab, link: &str, setting: &str) -> String {
    let path = format!("/proc/sys/net/ipv4/conf/{link}/{setting}");
    let out = lab.inside.output("cat", &[&path]);
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

#[test]
fn new_links_have_their_settings() {
    guest::inside(|| {
        let mut lab = Lab::new();
        let more = r#"rp-filter "loose"; arp-ignore 1; forwarding #true"#;
        lab.apply(&links("", more));
        for link in LINKS {
            let found = ["rp_filter", "arp_ignore", "forwarding"].map(|one| read(&lab, link, one));
            assert_eq!(found, ["2", "1", "1"], "{link}");
        }
        // In place, on all of them.
        let plan = lab.apply(&links(
            "",
            r#"rp-filter "strict"; arp-ignore 1; forwarding #true"#,
        ));
        let expected = LINKS.map(|link| format!("~ link/{link}"));
        let (mut found, mut expected) = (steps(&plan), expected.to_vec());
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        for link in LINKS {
            assert_eq!(read(&lab, link, "rp_filter"), "1", "{link}");
        }
    });
}

#[test]
fn a_bonds_hardware_address_is_the_sites() {
    guest::inside(|| {
        let mut lab = Lab::new();
        let mac =
            |lab: &Lab, link: &str| lab.witness(&format!("link show dev {link}"), "/0/address");
        for address in ["02:00:00:00:aa:01", "02:00:00:00:aa:02"] {
            lab.apply(&links(&format!("mac=\"{address}\""), ""));
            for link in ["bond0", "p0", "t10"] {
                assert_eq!(mac(&lab, link), address, "{link}");
            }
            assert!(lab.inside.ip("route show 10.91.0.0/16").contains("dev t10"));
        }
        // What the port came with is the bond's again, and the port's own when the bond is gone.
        lab.apply(r#"ethernet "p0" vlan="u" { address "10.0.0.3" }"#);
        assert_eq!(mac(&lab, "p0"), "02:00:00:00:00:00");
    });
}
