//! The order of nodes, of files and of the lock's lines never matters: whatever it is, the same faults are found.

#![allow(
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

#[path = "support/cases.rs"]
mod cases;

use bedplate::diag::code::Code;
use bedplate::lang::files::MemoryFiles;
use bedplate::site::{Compiled, compile};
use proptest::prelude::*;

/// The codes reported, as often as each is.
fn codes(compiled: &Compiled) -> Vec<Code> {
    let mut codes: Vec<_> = compiled.diagnostics.iter().map(|one| one.code).collect();
    codes.sort_unstable();
    codes
}

/// A site with many faults, one node a paragraph.
const FAULTY: &[&str] = &[
    "site \"s\" domain=\"s.example\"",
    "site \"t\" domain=\"t.example\"",
    "fabric \"a\" { vlan \"x\" { subnet \"10.0.0.0/24\" { gateway \"10.0.0.1\"; dynamic-range \"10.0.0.9-10.0.0.99\" }; dhcp { controllers \"c\" \"d\" } } }",
    "fabric \"b\" { vlan \"x\" { subnet \"10.0.0.0/25\"; subnet \"10.0.0.0/25\" } }",
    "fabric \"c\" { vlan \"y\" id=1; vlan \"z\" id=1 { subnet \"10.0.0.0/16\" } }",
    "controller \"c\" { ethernet \"e\" vlan=\"a/x\" { address \"10.0.0.1\" } }",
    "machine \"m\" { ethernet \"e\" vlan=\"x\" { address \"10.0.0.2\" } }",
    "machine \"n\" { ethernet \"e\" vlan=\"a/x\" mac=\"52:54:00:00:00:01\" { address \"10.0.0.1\" } }",
    "machine \"n\" { ethernet \"e\" vlan=\"a/x\" mac=\"52:54:00:00:00:01\" { address \"10.0.0.50\" } }",
    "machine \"o\" profile=\"p\" { ethernet \"e\" mac=\"52:54:00:00:00:01\" }",
    "route \"10.0.0.0/25\" { via \"10.0.0.3\" }",
    "route \"10.9.0.0/25\" { via \"10.0.0.3\" }",
    "route \"10.9.0.0/25\" { via \"10.99.0.3\" }",
];

/// Another one, of the parts that came later.
const FAULTY_TOO: &[&str] = &[
    "site \"s\" domain=\"s.example\" { dns { forward \"10.1.0.2\" \"0.0.0.0\" }; ntp }",
    "fabric \"a\" { isolated #true; vlan \"x\" { dhcp { controllers \"c\" \"c\"; option \"mtu\" 9; option 51 (hex)\"00\" }; subnet \"10.0.0.0/24\" { dynamic-range \"10.0.0.9-10.0.0.99\"; option 7 (hex)\"00\"; option 7 (hex)\"01\" } } }",
    "fabric \"b\" { isolated #true; vlan \"y\" { dhcp { relay-to \"z\" }; subnet \"10.0.0.0/25\" { dynamic-range \"10.0.0.30-10.0.0.40\"; via \"10.0.0.1\" } } }",
    "fabric \"d\" { vlan \"z\" id=9 { dhcp { relay-to \"y\" }; subnet \"10.1.0.0/24\"; subnet \"10.2.0.0/24\" } }",
    "fabric \"e\" { vlan \"w\" { subnet \"10.3.0.0/24\" { reserved-range \"10.3.0.0/25\"; gateway \"10.3.0.1\" } }; vlan \"t\" id=7 mtu=9000 }",
    "vlan \"stray\" { boot; subnet \"10.4.0.0/24\" }",
    "controller \"c\" { ethernet \"e\" vlan=\"a/x\" { address \"10.0.0.2\" }; ethernet \"f\" vlan=\"y\" { address \"10.0.0.3\" }; ethernet \"g\" vlan=\"z\" { address \"10.1.0.2\" } }",
    "profile \"p\" { bmc \"ipmi\" username=\"u\" password=(env)\"P\" { system \"1\" }; power \"on\"; ethernet \"e0\" vlan=\"w\" { address \"auto\" }; ethernet \"e1\" mac=\"52:54:00:00:00:01\"; bond \"b\" mode=\"802.3ad\" vlan=\"w\" { ports \"e1\" \"e2\"; primary \"e1\"; address \"10.3.0.200\" }; tagged \"b.7\" on=\"b\" vlan=\"t\"; tagged \"b.9\" on=\"b\" vlan=\"z\" }",
    "machine \"m\" profile=\"p\" { bmc \"ipmi\" address=\"10.3.0.1\" }",
    "machine \"n\" profile=\"p\" { bmc \"redfish\" address=\"10.3.0.1\"; moved from=\"old\"; remove \"e9\" }",
    "machine \"o\" profile=\"p\" { bmc \"ipmi\" address=\"10.3.0.9\"; moved from=\"old\"; bridge \"b\" { ports \"e0\" } }",
    "machine \"o\" profile=\"p\"",
    "machine \"q\" profile=\"pp\" { loopback { address \"10.1.0.9/32\" } }",
    "machine \"r\" { ethernet \"x\" vlan=\"w\" mac=\"52:54:00:00:00:01\" { address \"auto\" subnet=\"10.9.0.0/24\"; address \"dhcp\" }; power \"off\" }",
    "record \"www\" { cname \"web\"; txt \"x\" }",
    "record \"web\" { cname \"www\" }",
    "record \"web\" { mx \"www\"; aa \"10.0.0.1\" }",
    "record \"m\" { a \"10.0.0.1\" }",
    "record \"gone\" { mx \"nowhere\" }",
    "route \"10.99.0.0/16\" { via \"10.0.0.1\" }",
    "route \"10.98.0.0/16\" fabric=\"b\" { metric 1 }",
    "image \"i\" { file \"none\" }",
    "image \"j\" { bot \"ipxe\" \"none\" }",
    "machines from=\"rack.csv\"",
    "machines from=\"rack.csv\"",
    "ignore \"controller/*/link/e\" \"mtu\" \"speed\"",
    "ignore \"controller/*/link/e\" \"speed\" \"mtu\"",
    "ignore \"controller/*/lnk/e\"",
    "fabric \"iso\" { isolated #true; vlan \"i2\" { subnet \"10.0.0.0/24\" { gateway \"10.0.0.8\" } } }",
    "machine \"bmc1\" profile=\"q\" { bmc \"ipmi\" address=\"10.0.0.8\" }",
    "machine \"bmc2\" profile=\"q\" { bmc \"ipmi\" address=\"10.0.0.8\" fabric=\"iso\" }",
    "machine \"bmc3\" profile=\"q\" { bmc \"ipmi\" address=\"10.0.0.50\" fabric=\"a\" }",
    "profile \"q\" { bmc \"ipmi\" username=\"u\" password=\"p\"; tagged \"t\" on=\"x\" vlan=\"t\"; bridge \"br\" { ports \"x\" \"t\"; forward-delay \"1s\"; protect } }",
    "controller \"k\" { ethernet \"e\" vlan=\"z\" { address \"10.1.0.3\" }; ethernet \"f\"; dummy \"d\" { address \"10.1.0.4\" }; vrf \"r\" table=255 { ports \"f\" \"g\" }; bridge \"br\" { ports \"f\"; port \"h\" { tagged \"t\" \"x\"; untagged \"w\" } }; route \"10.97.0.0/16\" { via \"10.9.0.1\"; via \"10.1.0.3\"; table \"q\" }; route \"10.95.0.0/16\" { via \"10.1.0.1\" }; rule 9 { from \"10.0.0.0/8\" }; rule 9 { to \"10.0.0.0/8\"; table \"r\"; incoming \"i\" } }",
    "route \"10.95.0.0/16\" { via \"10.1.0.9\" }",
    // Declared twice, and each time another way.
    "profile \"two\" { ethernet \"e\" vlan=\"w\" }",
    "profile \"two\" { ethernet \"e\" vlan=\"t\"; power \"on\" }",
    "machine \"u\" profile=\"two\" { ethernet \"e\" { address \"10.3.0.130\" } }",
    "fabric \"g\" { vlan \"i\" id=1 { subnet \"10.7.0.0/24\" }; vlan \"i\" id=2 { subnet \"10.8.0.0/24\" } }",
    "machine \"v\" { ethernet \"e\" vlan=\"i\" { address \"10.7.0.1\" }; ethernet \"f\" vlan=\"g/i\" { address \"10.8.0.1\" } }",
    "controller \"twin\" { ethernet \"e\" vlan=\"j\" { address \"10.5.0.2\" } }",
    "controller \"twin\" { ethernet \"e\"; ethernet \"e\" mtu=1500; bridge \"e\" { ports \"e\" }; bond \"b\" mode=\"802.3ad\" { ports \"e\" } }",
    "fabric \"h\" { vlan \"j\" { dhcp { controllers \"twin\" }; subnet \"10.5.0.0/24\" { dns \"twin\"; dynamic-range \"10.5.0.9-10.5.0.19\" } } }",
];

const TABLE: &str = "name,ethernet.e.mac,tag\nm,52:54:00:00:00:01,\nx,1\ny,zz,\n";
const LOCK: &str = "address \"m\" \"e0\" \"10.3.0.0/24\" \"10.3.0.200\"
address \"old\" \"e0\" \"10.3.0.0/24\" \"10.3.0.201\"
address \"n\" \"e0\" \"10.3.0.0/24\" \"10.3.0.255\"
address \"m\" \"e0\" \"10.3.0.0/24\" \"10.3.0.202\"
address \"m\" \"e0\" \"10.3.0.0/24\" \"10.3.0.201\"
address \"m\" \"e0\" \"10.3.0.0/24\" \"10.3.0.202\"
address \"z\" \"e0\" \"10.3.0.0/24\" \"10.3.0.7\"
";

/// The codes of a site whose nodes stand in three files: as many in each as `cuts` says, and the lines of the lock as they come.
fn codes_of(nodes: &[&str], (first, second): (usize, usize), lock: &[&str]) -> Vec<Code> {
    let (first, second) = (first.min(second), first.max(second));
    let mut files = MemoryFiles::default();
    let part = |nodes: &[&str]| nodes.join("\n").into_bytes();
    let includes = b"\ninclude \"one.kdl\"\ninclude \"two.kdl\"\n".to_vec();
    files.insert("site.kdl", [part(&nodes[..first]), includes].concat());
    files.insert("one.kdl", part(&nodes[first..second]));
    files.insert("two.kdl", part(&nodes[second..]));
    files.insert("rack.csv", TABLE.into());
    files.insert("bedplate.lock", part(lock));
    codes(&compile(&files, "site.kdl"))
}

proptest! {
    #![proptest_config(cases::cases(60))]

    #[test]
    fn order_of_nodes_never_matters(order in Just(FAULTY.to_vec()).prop_shuffle()) {
        let first = codes_of(FAULTY, (13, 13), &[]);
        prop_assert!(first.len() > 10);
        prop_assert_eq!(codes_of(&order, (13, 13), &[]), first);
    }

    #[test]
    fn order_of_files_and_of_the_lock_never_matters(
        order in Just(FAULTY_TOO.to_vec()).prop_shuffle(),
        cuts in (0..FAULTY_TOO.len(), 0..FAULTY_TOO.len()),
        lock in Just(LOCK.lines().collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let lines: Vec<_> = LOCK.lines().collect();
        let first = codes_of(FAULTY_TOO, (5, 9), &lines);
        prop_assert!(first.len() > 40, "{:?}", first);
        prop_assert_eq!(codes_of(&order, cuts, &lock), first);
    }
}
