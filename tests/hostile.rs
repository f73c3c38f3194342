//! Sites that are nothing but faults, or large in one thing alone: refused in a time and a room that grow with the text. What grows
//! with its square would not end here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

use std::fs;
use std::os::unix::fs::symlink;

use bedplate::base::limit;
use bedplate::cli::files::DiskFiles;
use bedplate::diag::code::Code;
use bedplate::diag::render;
use bedplate::diag::report::Diagnostic;
use bedplate::lang::files::MemoryFiles;
use bedplate::site::catalog::{Detail, Difference};
use bedplate::site::{Compiled, compile, compile_catalog};

const MANY: usize = 20_000;
const SITE: &str = "site \"s\" domain=\"s.example\"\n";

fn repeat(line: impl Fn(usize) -> String) -> String {
    (0..MANY).map(line).collect()
}

/// The last two octets of the address number `n`.
fn low(n: usize) -> String {
    format!("{}.{}", n / 200, n % 200 + 1)
}

/// Machines whose addresses are in 10.1.0.0/16, in the VLAN `vlan`.
fn machines(vlan: &str) -> String {
    repeat(|n| {
        let address = low(n);
        format!(
            "machine \"m{n}\" {{ ethernet \"e\" vlan=\"{vlan}\" {{ address \"10.1.{address}\" }} }}\n"
        )
    })
}

fn host(links: &str) -> String {
    format!("machine \"m\" {{ ethernet \"e\"\n{links} }}")
}

fn compiled(files: &[(&str, String)]) -> Compiled {
    let mut memory = MemoryFiles::default();
    for (path, text) in files {
        memory.insert(path, text.clone().into_bytes());
    }
    // The catalog is made beside the checks, before anyone knows whether they find something.
    compile_catalog(&memory, "site.kdl", Detail::Full).0
}

/// The site is refused with no more faults than it has lines, and some less than half of them shown.
fn check(name: &str, text: &str) {
    let compiled = compiled(&[("site.kdl", format!("{SITE}{text}"))]);
    assert!(compiled.site.is_none(), "{name}");
    let (count, most) = (compiled.diagnostics.len(), 3 * MANY + limit::FAULTS);
    assert!(
        (limit::DIAGNOSTICS_SHOWN..=most).contains(&count),
        "{name}: {count} faults"
    );
    let shown = render::text(&compiled.diagnostics, &compiled.sources, false);
    let hidden = format!("… and {} more not shown", count - limit::DIAGNOSTICS_SHOWN);
    assert!(shown.contains(&hidden), "{name}");
}

#[test]
fn nodes_that_there_are_not() {
    check("nodes", &"x\n".repeat(MANY * 10));
}

#[test]
fn links_of_one_host() {
    check(
        "tagged",
        &host(&repeat(|n| {
            format!("tagged \"t{n}\" on=\"e\" vlan=\"v\"\n")
        })),
    );
    check(
        "chain",
        &host(&repeat(|n| {
            format!("bridge \"b{n}\" {{ ports \"b{}\" }}\n", n + 1)
        })),
    );
    let next = |n| (n + 1) % MANY;
    check(
        "circle",
        &host(&repeat(|n| {
            format!("bridge \"b{n}\" {{ ports \"b{}\" \"b0\" }}\n", next(n))
        })),
    );
}

#[test]
fn ranges_and_subnets_upon_each_other() {
    let ranges = "dynamic-range \"10.0.0.1-10.255.255.0\"\n".repeat(MANY);
    let fabric =
        format!("fabric \"f\" {{ vlan \"v\" {{ subnet \"10.0.0.0/8\" {{ {ranges} }} }} }}\n");
    check("ranges", &(fabric + &machines("v")));
    let fabrics =
        repeat(|n| format!("fabric \"f{n}\" {{ vlan \"v\" {{ subnet \"10.0.0.0/8\" }} }}\n"));
    check("subnets", &(fabrics + &machines("f0/v")));
}

#[test]
fn references_that_find_nothing() {
    check(
        "routes",
        &repeat(|n| format!("route \"10.0.0.0/8\" {{ via \"11.0.{}\" }}\n", low(n))),
    );
    check(
        "profiles",
        &repeat(|n| format!("machine \"m{n}\" profile=\"p{n}\"\nprofile \"q{n}\"\n")),
    );
}

#[test]
fn names_to_choose_from() {
    let subnets = repeat(|n| format!("subnet \"11.0.{}.0/30\"\n", n % 256));
    let fabric = format!("fabric \"f\" {{ vlan \"v\" {{ {subnets} }} }}\n");
    check("homeless", &(fabric + &machines("v")));
    let vlans = repeat(|n| format!("vlan \"v{n}\"\n"));
    let fabric = format!("fabric \"f\" {{ {vlans} }}\n");
    let links = repeat(|n| format!("ethernet \"e{n}\" vlan=\"f/w{n}\"\n"));
    check("paths", &(fabric + &host(&links)));
    let links = repeat(|n| format!("ethernet \"e{n}\"\n"));
    let ports = repeat(|n| format!("\"p{n}\" "));
    let bridge = format!("{links} bridge \"b\" {{ ports {ports} }}");
    check("ports", &host(&bridge));
    let removed = repeat(|n| format!("remove \"p{n}\"\n"));
    let machine = format!("machine \"m\" profile=\"p\" {{ {removed} }}");
    check(
        "removed",
        &format!("profile \"p\" {{ {links} }}\n{machine}"),
    );
    let fabrics = repeat(|n| format!("fabric \"f{n}\"\n"));
    let routes =
        repeat(|n| format!("route \"10.0.0.0/8\" fabric=\"g{n}\" {{ via \"11.0.0.1\" }}\n"));
    check("fabrics", &(fabrics + &routes));
}

#[test]
fn ways_that_lead_far() {
    let aliases = repeat(|n| {
        let next = (n + 1) % MANY;
        format!("record \"r{n}\" {{ cname \"r{next}\" }}\n")
    });
    check("aliases", &(aliases + &"x\n".repeat(60)));
    let ranges = repeat(|n| {
        let low = low(n);
        format!(
            "reserved-range \"10.0.{low}-10.0.{low}\"; dynamic-range \"10.1.{low}-10.1.{low}\"\n"
        )
    });
    let subnet = format!("subnet \"10.0.0.0/8\" {{ managed #false; {ranges} }}");
    check(
        "unmanaged",
        &format!("fabric \"f\" {{ vlan \"v\" {{ {subnet} }} }}"),
    );
}

#[test]
fn fabrics_that_keep_to_themselves() {
    let fabric = |n: usize| {
        format!(
            "fabric \"f{n}\" {{ isolated #true; vlan \"v{n}\" {{ subnet \"10.1.0.0/16\" {{ dynamic-range \"10.1.0.0/17\" }} }} }}\n"
        )
    };
    let some: String = (0..limit::ISOLATED_FABRICS).map(fabric).collect();
    let records = repeat(|n| format!("record \"r{n}\" {{ a \"10.1.{}\" }}\n", low(n)));
    check("records of all", &format!("{some}{records}"));
    let bmcs = repeat(|n| {
        let address = low(n);
        format!("machine \"m{n}\" {{ bmc \"ipmi\" address=\"10.1.{address}\" }}\n")
    });
    check("bmcs of several", &format!("{some}{bmcs}"));
    let many = repeat(fabric);
    let compiled = compiled(&[("site.kdl", format!("{SITE}{many}{bmcs}"))]);
    let mut faults = compiled.diagnostics.iter();
    assert!(faults.any(|one| one.message == "a site has at most 256 isolated fabrics"));
}

/// What one profile says, each of its machines has: a short text could fill any memory.
#[test]
fn profiles_that_are_multiplied() {
    let secret = format!("bmc \"ipmi\" password=(env)\"{}\"", "x".repeat(2 * MANY));
    let machines = repeat(|n| format!("machine \"m{n}\" profile=\"p\"\n"));
    let text = format!("{SITE}profile \"p\" {{ {secret} }}\n{machines}");
    let compiled = compiled(&[("site.kdl", text)]);
    let faults = compiled.diagnostics.iter();
    let told = faults.filter(|one| one.code == Code::Limit);
    let told: Vec<&str> = told.map(|one| one.message.as_str()).collect();
    assert_eq!(told, ["profiles give machines more than 64 MiB in all"]);
}

/// What `dhcp` says, each of its subnets has.
#[test]
fn options_that_are_multiplied() {
    let options: String = (130..220)
        .map(|code| format!("option {code} (hex)\"{}\"\n", "00".repeat(1000)))
        .collect();
    let subnets = |third: &str| -> String {
        let subnet = |n: usize| format!("subnet \"10.{third}.{n}.0/24\"\n");
        (0..250).map(subnet).collect()
    };
    let site = format!("site \"s\" domain=\"s.example\" {{ dhcp {{ {options} }} }}\n");
    let plain = String::from("site \"s\" domain=\"s.example\"\n");
    let vlan = |dhcp: &str| {
        let (one, two) = (subnets("1"), subnets("2"));
        format!(
            "fabric \"f\" {{ vlan \"v\" {{ dhcp {{ controllers \"c\"; {dhcp} }}\n{one} }}
                vlan \"w\" id=2 {{ dhcp {{ relay-to \"v\" }}\n{two} }} }}"
        )
    };
    for (text, expected) in [
        (site + &vlan(""), 1),
        (plain.clone() + &vlan(&options), 1),
        (plain + &vlan(""), 0),
    ] {
        let compiled = compiled(&[("site.kdl", text)]);
        let faults = compiled.diagnostics.iter();
        let told =
            faults.filter(|one| one.message == "`dhcp` gives subnets more than 64 MiB in all");
        assert_eq!(told.count(), expected);
    }
}

#[test]
fn ways_of_controllers() {
    let fabric = "fabric \"f\" { vlan \"v\" id=1 { subnet \"10.1.0.0/16\" } }\n";
    let own = repeat(|n| format!("address \"10.1.{}\"\n", low(n)));
    let link = format!("ethernet \"e\" vlan=\"v\" {{ {own} }}");
    let controller = |rest: String| format!("{fabric}controller \"c\" {{ {link}\n{rest} }}\n");
    check(
        "routes",
        &controller(repeat(|n| {
            format!(
                "route \"10.2.{}/32\" {{ via \"10.2.0.1\" on=\"f\" }}\n",
                low(n)
            )
        })),
    );
    let hops = repeat(|n| format!("via \"10.2.{}\" on=\"e\"\n", low(n)));
    check(
        "routers",
        &controller(format!("route \"10.3.0.0/16\" {{ {hops} }}")),
    );
    check(
        "rules",
        &controller(repeat(|n| {
            format!(
                "rule {} {{ incoming \"i{n}\"; table \"t{n}\" }}\n",
                n % 30_000 + 1
            )
        })),
    );
    let names = repeat(|n| format!("\"p{n}\" "));
    let ports = repeat(|n| format!("port \"p{n}\" {{ untagged \"v\" }}\n"));
    check(
        "ports",
        &controller(format!("bridge \"b\" {{ ports {names}; {ports} }}")),
    );
    let tagged = repeat(|n| format!("tagged \"t{n}\" on=\"b\" vlan=\"v\"\n"));
    let taken = "\"v\" ".repeat(MANY);
    check(
        "tagged on a bridge",
        &controller(format!(
            "bridge \"b\" {{ ports \"e\"; vlan-filtering #true; port \"b\" {{ tagged {taken} }} }}\n{tagged}"
        )),
    );
    let vrfs = repeat(|n| format!("vrf \"v{n}\" table=7 {{ ports \"v{}\" }}\n", n + 1));
    check("vrfs", &controller(vrfs));
    let shared = repeat(|n| format!("route \"10.5.{}/32\" {{ via \"10.1.200.1\" }}\n", low(n)));
    let controllers = repeat(|n| {
        let address = low(n);
        format!(
            "controller \"c{n}\" {{ ethernet \"e\" vlan=\"v\" {{ address \"10.1.{address}\" }}; route \"10.5.{address}/32\" {{ on \"e\" }} }}\n"
        )
    });
    check("meeting routes", &format!("{fabric}{shared}{controllers}"));
}

#[test]
fn values_of_one_node() {
    let options = repeat(|n| format!("option {} (hex)\"00\"\n", n % 254 + 1));
    check("options", &format!("profile \"p\" {{ {options} }}"));
    let classes = repeat(|n| {
        format!("client-class \"c{n}\" {{ match tag=\"t{n}\"; option 9 (hex)\"00\" }}\n")
    });
    let matches = repeat(|n| format!("match mac-prefix=\"52\" user-class=\"u{n}\"\n"));
    let one = format!("client-class \"d\" {{ {matches} option 9 (hex)\"00\" }}");
    check(
        "classes",
        &format!(
            "fabric \"f\" {{ vlan \"v\" {{ dhcp {{ {classes} }} }} vlan \"w\" id=2 {{ dhcp {{ {one} }} }} }}"
        ),
    );
    let forwarders = repeat(|n| format!("\"10.1.{}\" ", low(n)));
    let site = format!("site \"t\" domain=\"t.example\" {{ dns {{ forward {forwarders} }} }}\n");
    let controllers = repeat(|n| {
        format!(
            "controller \"c{n}\" {{ ethernet \"e\" {{ address \"10.1.{}\" }} }}\n",
            low(n)
        )
    });
    check("forwarders", &(site + &controllers));
    let records = repeat(|n| format!("record \"r{n}\" {{ mx \"r{}\" }}\n", n + MANY));
    check("records", &(records + "nothing\n"));
}

/// A hundred thousand values of one object, in another order and with one that differs.
#[test]
fn values_to_be_compared() {
    let catalog = |numbers: &mut dyn Iterator<Item = usize>| {
        let range = |n: usize| {
            let (high, middle, low) = (n >> 16, n >> 8 & 255, n & 255);
            format!("reserved-range \"10.{high}.{middle}.{low}/32\"\n")
        };
        let ranges: String = numbers.map(range).collect();
        let fabric =
            format!("fabric \"f\" {{ vlan \"v\" {{ subnet \"10.0.0.0/8\" {{\n{ranges}}} }} }}");
        let mut files = MemoryFiles::default();
        files.insert("site.kdl", format!("{SITE}{fabric}").into_bytes());
        let (compiled, catalog) = compile_catalog(&files, "site.kdl", Detail::Full);
        catalog.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics.first()))
    };
    let old = catalog(&mut (0..5 * MANY));
    let new = catalog(&mut (1..=5 * MANY).rev());
    let difference = Difference::between(&old, &new);
    let [change] = difference.changes.as_slice() else {
        panic!("{} objects differ", difference.changes.len());
    };
    let [value] = change.values.as_slice() else {
        panic!("{} values differ", change.values.len());
    };
    let sides = (value.old.as_deref(), value.new.as_deref());
    assert_eq!(
        sides,
        (Some("10.0.0.0-10.0.0.0"), Some("10.1.134.160-10.1.134.160"))
    );
}

#[test]
fn tables_that_are_none() {
    let header: String = repeat(|n| format!(",ethernet.e{n}.mac"));
    let site = format!("{SITE}machines from=\"t.csv\"");
    let table = format!("name{header}\nm{}\n", ",".repeat(MANY));
    let compiled = compiled(&[("site.kdl", site), ("t.csv", table)]);
    let codes: Vec<Code> = compiled.diagnostics.iter().map(|one| one.code).collect();
    assert_eq!(codes, [Code::Limit]);
}

/// Whatever symbolic links say, nothing outside of the site folder is read, and nothing that has no end.
#[test]
fn links_that_lead_out_of_the_site() {
    let root = tempfile::tempdir().unwrap();
    let (site, outside) = (root.path().join("site"), root.path().join("outside"));
    fs::create_dir_all(site.join("racks")).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("a.kdl"), "space \"leak\"\n").unwrap();
    let lines = [
        "site \"s\" domain=\"s.example\"",
        "include \"out/*.kdl\"",
        "include \"loop.kdl\"",
        "include \"racks/*.kdl\"",
        "include \"device.kdl\"",
        "include \"within.kdl\"",
        "machines from=\"hosts.csv\"",
        "image \"i\" { boot \"ipxe\" \"boot.efi\"; user-data \"seed\" }",
    ];
    fs::write(site.join("site.kdl"), lines.join("\n")).unwrap();
    fs::write(site.join("racks/own"), "space \"own\"\n").unwrap();
    for (target, link) in [
        ("../outside", "out"),
        ("loop.kdl", "loop.kdl"),
        ("../../outside/a.kdl", "racks/a.kdl"),
        ("/dev/zero", "device.kdl"),
        ("racks/own", "within.kdl"),
        ("/etc/passwd", "hosts.csv"),
        ("/etc/passwd", "boot.efi"),
        ("/etc/passwd", "seed"),
        ("../outside/a.kdl", "bedplate.lock"),
    ] {
        symlink(target, site.join(link)).unwrap();
    }
    let compiled = compile(&DiskFiles::open(&site).unwrap(), "site.kdl");
    let line = |one: &Diagnostic| one.place().map(|at| compiled.sources.start(at).line);
    let mut told: Vec<_> = compiled
        .diagnostics
        .iter()
        .map(|one| (line(one), one.code))
        .collect();
    told.sort_unstable();
    let outside = |line| (line, Code::OutsideSite);
    let wanted = [
        outside(None),
        outside(Some(2)),
        (Some(3), Code::FileUnreadable),
        outside(Some(4)),
        outside(Some(5)),
        outside(Some(7)),
        outside(Some(8)),
        outside(Some(8)),
    ];
    assert_eq!(told, wanted);
    let read: Vec<&str> = compiled.sources.iter().map(|(path, _)| path).collect();
    assert_eq!(read, ["site.kdl", "within.kdl"]);
}
