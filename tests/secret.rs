//! What may be a secret is never said, whatever is wrong with it or beside it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

use std::path::Path;

use bedplate::diag::render;
use bedplate::diag::sarif::sarif;
use bedplate::lang::files::MemoryFiles;
use bedplate::site::compile;

/// Everything that is said of a site: to people, to programs and to code hosts.
fn said(files: &[(&str, &str)]) -> [String; 3] {
    let mut memory = MemoryFiles::default();
    for (path, text) in files {
        memory.insert(path, text.as_bytes().to_vec());
    }
    let compiled = compile(&memory, "site.kdl");
    assert!(compiled.site.is_none());
    let (faults, sources) = (&compiled.diagnostics, &compiled.sources);
    [
        render::text(faults, sources, false),
        render::json(faults, sources).to_string(),
        sarif(faults, sources, Path::new(".")).to_string(),
    ]
}

const SECRETS: [&str; 32] = [
    "bmc \"redfish\" address=\"10.0.0.9\" username=\"u\" password=\"hunter2\"",
    "bmc \"redfish\" password=hunter2",
    "bmc \"redfish\" password=(pass)\"hunter2\"",
    "bmc \"redfish\" password=(env)\"BMC\" password=\"hunter2\"",
    "bmc \"redfish\" pasword=\"hunter2\"",
    "bmc \"redfish\" bmc-password=#\"hunter2\"#",
    "bmc \"redfish\" password: hunter2",
    "bmc \"redfish\" password=7hunter2",
    "bmc \"redfish\" password=#hunter2",
    "bmc \"redfish\" password=[hunter2",
    "bmc \"redfish\" password=10.0.0.7/hunter2",
    "bmc \"redfish\" password=“hunter2”",
    "bmc \"redfish\" password=\"hunter2\\q\"",
    "bmc \"redfish\" password=\"hunter2",
    "bmc \"redfish\" password=\"\"\"\nhunter2\n\"\"\"",
    "bmc \"ipmi\" { k-g \"hunter2\" }",
    "bmc \"ipmi\" { k-g (env)\"A\" \"hunter2\" }",
    "bmc \"redfish\" { password \"hunter2\" }",
    "bcm \"redfish\" password=\"hunter2\"",
    "wall { within { secret \"hunter2\" } }",
    "webhook \"w\" url=\"https://u:hunter2@a/\"",
    "webhook \"w\" url=\"https:/u:hunter2@a\"",
    "webhook \"w\" url=\"u:hunter2@a\"",
    "webhook \"w\" url=\"https://u:hunter2@a/",
    "webhook \"w\" url=https://u:hunter2@a/",
    "webhook \"w\" ulr=\"https://u:hunter2@a/\"",
    "webhook \"https://u:hunter2@a/\" { secret \"hunter2\" }",
    "webhook \"w\" { url \"https://u:hunter2@a/\" }",
    "webhook \"w\" url=(env)\"https://u:hunter2@a/\"",
    "bmc \"webhook\" { header \"Authorization\" \"Basic hunter2\"; }",
    "bmc \"webhook\" { on \"GET\" \"https://a/\" { header \"X-Api-Key\" \"hunter2\"; }; }",
    "bmc \"webhook\" { on \"GET\" \"https://u:hunter2@a/\"; }",
];

#[test]
fn what_may_be_a_secret_is_never_said() {
    for line in SECRETS {
        let text = format!("site \"s\" domain=\"s.example\"\nmachine \"m\" {{\n{line}\nno 1\n}}\n");
        let said = said(&[("site.kdl", &text)]);
        for form in &said {
            assert!(!form.contains("hunter2"), "{line}\n{form}");
        }
        assert!(said[0].contains('•'), "{line}\n{}", said[0]);
    }
}

#[test]
fn secrets_in_tables_are_never_said() {
    let site = "site \"s\" domain=\"s.example\"\nfabric \"f\" { vlan \"v\" }\nprofile \"p\" { ethernet \"e\" vlan=\"v\" }\nmachines profile=\"p\" from=\"t.csv\"\n";
    for table in [
        "name,bmc.kind,bmc.password\nm,redfish,hunter2\n",
        "name,bmc.password,bmc.kind\nm,hunter2,redfish\nn,hunter2\n",
        "name,mac;BMC Password\n,1;hunter2\n",
        "name,bmc.password\nm,\"hunter2\nn,hunter2\n",
        "name,bmc.password\nm,\"x\"hunter2\n",
        "bmc.password,profile\nhunter2,q\n",
    ] {
        for form in said(&[("site.kdl", site), ("t.csv", table)]) {
            assert!(!form.contains("hunter2"), "{table}\n{form}");
        }
    }
    let table = "name,power,bmc.kind,bmc.password\nm,on,redfish,hunter2\nn,on,,x\n";
    let [told, ..] = said(&[("site.kdl", site), ("t.csv", table)]);
    assert!(
        told.contains("1 error, 0 warnings"),
        "only the column is at fault\n{told}"
    );
}
