//! What `bedplate show` says that a machine is told is what a client that people use hears on a cable.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bedplate::lang::files::MemoryFiles;
use bedplate::site::compile;
use bedplate::state::desired;
use bedplate::store::Faulty;

use crate::net::{cable, run, script, serve};

/// Options that site, VLAN, subnet, range, classes, profile and machine say.
const SITE: &str = r#"site "s" domain="s.example.net" {
    ntp { upstream "10.78.0.4" }
    dhcp {
        option "nis-domain" "site"
        option "wpad-url" "site"
        client-class "tagged" { match tag="t"; option "nis-servers" "10.78.0.21"; option "wpad-url" "tagged" }
        client-class "vendors" { match vendor-class="V"; option "nis-servers" "10.78.0.22"; option "root-path" "/vendors" }
        client-class "others" { match mac-prefix="0a"; option "root-path" "/others" }
    }
}
fabric "f" {
    vlan "v" mtu=1400 {
        dhcp { controllers "gate"; option "nis-domain" "vlan"; option "root-path" "/vlan" }
        subnet "10.78.0.0/24" {
            gateway "10.78.0.1"
            dynamic-range "10.78.0.100-10.78.0.109" { option "root-path" "/range" }
            option "root-path" "/subnet"
            option 224 (hex)"0a0b"
        }
    }
    vlan "w" id=2 { subnet "10.79.0.0/24" { gateway "10.79.0.1" } }
}
route "10.99.0.0/16" { via "10.78.0.9" }
controller "gate" { ethernet "srv" vlan="v" { address "10.78.0.1" } }
profile "p" { option "nis-domain" "profile"; option "wpad-url" "profile" }
machine "known" profile="p" {
    tag "t"
    option "wpad-url" "own"
    ethernet "e" vlan="v" mac="02:00:00:00:00:01" { address "10.78.0.11" }
}
machine "elsewhere" {
    default-gateway "10.79.0.1"
    ethernet "e" vlan="v" mac="02:00:00:00:00:02" { address "10.78.0.12" }
    ethernet "o" vlan="w" { address "10.79.0.12" }
}
machine "guest" profile="p" {
    tag "t"
    ethernet "e" vlan="v" mac="02:00:00:00:00:03"
}
"#;

/// What not all clients ask for, since it stands for the routers too.
const ROUTES: &str = "classless-static-routes";

const UNROUTED: &str = "it is told no classless-static-routes";

const ADDRESS: &str = "10.78.0.1/24";

/// Options as the language names them, and as udhcpc asks for them.
const NAMES: [(&str, &str); 15] = [
    ("subnet-mask", "subnet"),
    ("routers", "router"),
    ("dns-servers", "dns"),
    ("host-name", "hostname"),
    ("domain-name", "domain"),
    ("root-path", "rootpath"),
    ("interface-mtu", "mtu"),
    ("broadcast-address", "broadcast"),
    ("nis-domain", "nisdomain"),
    ("nis-servers", "nissrv"),
    ("ntp-servers", "ntpsrv"),
    ("domain-search", "search"),
    ("option 224", "opt224"),
    ("wpad-url", "wpad"),
    (ROUTES, "staticroutes"),
];

type Options = BTreeMap<&'static str, String>;

/// What `show` says that the machine is told, where these conditions hold.
fn shown(folder: &Path, machine: &str, holding: &[&str]) -> Options {
    let mut program = Command::new(env!("CARGO_BIN_EXE_bedplate"));
    program
        .args(["show", machine, "--json"])
        .current_dir(folder);
    let said = program.output().unwrap();
    let card: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    let told = card["dhcp_options"].as_array().unwrap();
    assert_eq!(told.len(), 1, "{card}");
    let mut options = Options::new();
    for word in told[0]["options"].as_array().unwrap() {
        let text = |field: &str| word[field].as_str().unwrap();
        let is_told = match text("standing") {
            "told" => true,
            "when" => holding.contains(&text("condition")),
            _ => false,
        };
        let mut names = NAMES.iter().filter(|(name, _)| *name == text("name"));
        let (_, name) = names.next().unwrap_or_else(|| panic!("{word}"));
        let is_asked = text("name") != ROUTES || !holding.contains(&UNROUTED);
        if is_told && is_asked {
            let value = text("text").replace(", ", " ").replace(" via ", " ");
            options.entry(name).or_insert(value);
        }
    }
    options
}

/// Asks for every option, as a client of this class does; for routes only some do.
fn ask(folder: &Path, mac: u8, class: &str, wants_routes: bool) -> Options {
    run("ip", &format!("link set cli address 02:00:00:00:00:0{mac}"));
    let mut client = Command::new("udhcpc");
    client.args("-f -q -n -t 5 -T 1 -i cli -o -V".split(' '));
    client.arg(class).arg("-s").arg(folder.join("hook"));
    let asked = NAMES
        .iter()
        .filter(|(name, _)| *name != ROUTES || wants_routes);
    for (_, name) in asked {
        client.args(["-O", name.trim_start_matches("opt")]);
    }
    let ran = client.output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success(), "{said}");
    let lines = said.lines().filter_map(|line| line.split_once('='));
    let heard = lines.filter_map(|(name, value)| {
        let (_, name) = NAMES.iter().find(|(_, known)| *known == name)?;
        Some((*name, value.trim().to_owned()))
    });
    heard.collect()
}

const RANGE: &str = "its address is of 10.78.0.100-10.78.0.109";

const VENDOR: &str = "vendor-class V";

/// A machine, how its MAC ends, its class, what holds of it, and some of what it hears.
type Case = (
    &'static str,
    u8,
    &'static str,
    &'static [&'static str],
    [&'static str; 3],
);

const CASES: [Case; 7] = [
    (
        "known",
        1,
        "other",
        &[UNROUTED],
        ["10.78.0.21", "/subnet", "own"],
    ),
    (
        "known",
        1,
        "V7",
        &[UNROUTED, VENDOR],
        ["10.78.0.21", "/vendors", "own"],
    ),
    ("known", 1, "other", &[], ["10.78.0.21", "/subnet", "own"]),
    (
        "elsewhere",
        2,
        "other",
        &[UNROUTED],
        ["", "/subnet", "site"],
    ),
    ("elsewhere", 2, "other", &[], ["", "/subnet", "site"]),
    (
        "guest",
        3,
        "other",
        &[UNROUTED, RANGE],
        ["10.78.0.21", "/range", "profile"],
    ),
    (
        "guest",
        3,
        "V",
        &[UNROUTED, RANGE, VENDOR],
        ["10.78.0.21", "/vendors", "profile"],
    ),
];

#[test]
fn what_show_says_is_what_a_client_hears() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("site.kdl"), SITE).unwrap();
    script(
        &folder.path().join("hook"),
        "#!/bin/sh\nif [ \"$1\" = bound ]; then env; fi\n",
    );
    let mut files = MemoryFiles::default();
    files.insert("site.kdl", SITE.as_bytes().to_vec());
    let site = compile(&files, "site.kdl").site.unwrap();
    let state = desired(&site, &"gate".parse().unwrap()).state;
    let state = serde_json::to_value(state).unwrap();
    let (server_side, client_side) = cable(ADDRESS);
    let store = Arc::new(Faulty::default());
    let _server = serve(&server_side, store, &state, ADDRESS, |_| {});
    for (machine, mac, class, holding, some) in CASES {
        let shown = shown(folder.path(), machine, holding);
        let path = folder.path().to_owned();
        let wants_routes = !holding.contains(&UNROUTED);
        let heard = client_side.run(move || ask(&path, mac, class, wants_routes));
        assert_eq!(shown, heard, "{machine} of {class}");
        let found = ["nissrv", "rootpath", "wpad"];
        let found = found.map(|name| heard.get(name).map_or("", String::as_str));
        assert_eq!(found, some, "{machine} of {class}");
        let has_router = machine != "elsewhere" && !wants_routes;
        assert_eq!(heard.contains_key("router"), has_router, "{machine}");
        let has_routes = heard.contains_key("staticroutes");
        assert_eq!(has_routes, wants_routes, "{machine}");
    }
}
