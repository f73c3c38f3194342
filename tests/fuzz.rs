//! Whole sites, damaged: bytes flipped, lines lost and doubled, parts of other sites put in. Whatever comes of it, nothing panics, and
//! a site is given where there is no error and nowhere else. What is found once stands in `FOUND`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

#[path = "support/cases.rs"]
mod cases;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bedplate::diag::render;
use bedplate::diag::sarif::sarif;
use bedplate::lang::files::MemoryFiles;
use bedplate::lang::format;
use bedplate::site::catalog::Detail;
use bedplate::site::graph::{View, graph};
use bedplate::site::{Compiled, compile, compile_catalog, lock};
use bedplate::state::desired;
use proptest::prelude::*;
use proptest::sample::Index;

/// Where the lock of a site read from `site.kdl` stands.
const LOCK_PATH: &str = "bedplate.lock";

/// The files of one site by their paths.
type Site = BTreeMap<String, Vec<u8>>;

/// A site in which every part of the language stands, and which asks for addresses under old and new names.
const SITE: &str = r#"site "s" domain="s.example" {
    dns { forward "9.9.9.9" }
    ntp { upstream "ntp.example" }
    include "more.kdl"
}
space "a"
fabric "f" {
    vlan "v" space="a" mtu=9000 {
        dhcp { controllers "c"; lease-time "5m"; option "ntp-servers" "10.0.0.2" }
        subnet "10.0.0.0/24" { gateway "10.0.0.1"; dns "c"; dynamic-range "10.0.0.100-10.0.0.119"; reserved-range "10.0.0.120/29" for="x" }
        subnet "fd00::/64"
    }
    vlan "w" id=7 { dhcp { relay-to "v" }; subnet "10.1.0.0/28" { dynamic-range "10.1.0.12-10.1.0.14"; option 224 (hex)"00" } }
}
controller "c" {
    default-gateway "10.0.0.1"
    ethernet "e0" mtu=9000
    ethernet "e1" mtu=9000
    bond "b" mode="802.3ad" vlan="v" { ports "e0" "e1"; lacp-rate "fast"; address "10.0.0.2" }
    tagged "b.7" on="b" vlan="w" { address "auto" }
    loopback { address "192.0.2.1/32" }
}
machines profile="p" from="rack.csv"
"#;

const MORE: &str = r#"profile "p" {
    bmc "redfish" username="admin" password=(env)"P"
    tag "t"
    ethernet "e" vlan="v" { address "auto" }
    ethernet "f" vlan="f/w" { address "auto" subnet="10.1.0.0/28"; address "dhcp" }
}
machine "m" profile="p" { moved from="old"; bmc "redfish" address="10.0.0.66"; power "on"; ethernet "e" mac="52:54:00:00:00:01" }
machine "n" profile="p" { moved from="older"; remove "f"; bmc "redfish" address="10.0.0.67"; ethernet "e" mac="52:54:00:00:00:02" { address "auto"; address "fd00::5" } }
machine "o" { ethernet "x" vlan="v" mac="52:54:00:00:00:03" { address "10.0.0.9" } }
record "www" { cname "m"; ttl "1h" }
record "@" { mx "n" preference=5; txt "x" }
route "10.9.0.0/16" { via "10.0.0.77"; metric 3 }
fabric "g" { isolated #true; vlan "z" { subnet "10.0.0.0/25" } }
"#;

const RACK: &str = "name,tag,ethernet.e.mac,ethernet.e.address,bmc.address
r1,a b,52:54:00:00:01:01,,10.0.0.60
r2,,52:54:00:00:01:02,auto,10.0.0.61
r3,\"x\",52:54:00:00:01:03,10.0.0.51,10.0.0.62
";

const LOCK: &str = r#"address "c" "b.7" "10.1.0.0/28" "10.1.0.2"
address "old" "e" "10.0.0.0/24" "10.0.0.4"
address "older" "e" "10.0.0.0/24" "10.0.0.5"
address "old" "f" "10.1.0.0/28" "10.1.0.3"
address "r1" "e" "10.0.0.0/24" "10.0.0.6"
address "gone" "e" "10.0.0.0/24" "10.0.0.7"
"#;

fn root(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

/// Everything in a folder and the folders in it.
fn read(folder: &Path, prefix: &str, into: &mut Site) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let name = format!("{prefix}{name}");
        if path.is_dir() {
            read(&path, &format!("{name}/"), into);
        } else {
            into.insert(name, fs::read(&path).unwrap());
        }
    }
}

/// The sites that are damaged, and the texts whose parts are put into them.
fn corpus() -> &'static (Vec<Site>, Vec<Vec<u8>>) {
    static CORPUS: OnceLock<(Vec<Site>, Vec<Vec<u8>>)> = OnceLock::new();
    CORPUS.get_or_init(|| {
        let own = [
            ("site.kdl", SITE),
            ("more.kdl", MORE),
            ("rack.csv", RACK),
            (LOCK_PATH, LOCK),
        ];
        let own = own.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let mut sites = vec![Site::from(own)];
        for example in ["quickstart", "campus", "rack"] {
            let mut site = Site::new();
            read(&root("examples").join(example), "", &mut site);
            sites.push(site);
        }
        let mut bad = Site::new();
        read(&root("tests/bad"), "", &mut bad);
        let good = sites.iter().flat_map(|site| site.values().cloned());
        let texts = good.chain(bad.into_values()).collect();
        // The first site is damaged as often as the others together.
        let own = sites[0].clone();
        sites.extend([own.clone(), own]);
        (sites, texts)
    })
}

/// Words that mean something somewhere, and signs that break things.
const WORDS: &[&str] = &[
    "\"",
    "{",
    "}",
    ";",
    "\n",
    " ",
    "\\",
    "/-",
    "//",
    "/*",
    "*/",
    "=",
    "#",
    "(",
    ")",
    ",",
    "\u{feff}",
    "\0",
    "é",
    "\"\"\"",
    "\r",
    "\r\n",
    "\t",
    "#true",
    "#null",
    "-1",
    "99999999999999999999",
    "1e400",
    "\"auto\"",
    "\"dhcp\"",
    "\"10.0.0.5\"",
    "\"10.0.0.0/24\"",
    "\"0.0.0.0/0\"",
    "\"::/0\"",
    "\"fd00::1\"",
    "\"@\"",
    "\"*\"",
    "\"lo\"",
    "\"e\\\"x\"",
    "mac=",
    "vlan=",
    "id=",
    "mtu=",
    "on=",
    "include \"more.kdl\"",
    "include \"*\"",
    "machines from=\"rack.csv\"",
    "<<<<<<< x\n",
    "=======\n",
    ">>>>>>> x\n",
    "moved from=\"m\"",
    "isolated #true",
    "managed #false",
];

/// One way to damage a file.
#[derive(Debug, Clone)]
struct Damage {
    file: Index,
    way: u8,
    at: Index,
    length: u8,
    with: Index,
    from: Index,
}

fn damage() -> impl Strategy<Value = Damage> {
    let indices = (
        any::<Index>(),
        any::<Index>(),
        any::<Index>(),
        any::<Index>(),
    );
    (indices, 0_u8..10, any::<u8>()).prop_map(|((file, at, with, from), way, length)| Damage {
        file,
        way,
        at,
        length,
        with,
        from,
    })
}

impl Damage {
    fn apply(&self, site: &mut Site, texts: &[Vec<u8>]) {
        let sources =
            |path: &&String| path.ends_with(".kdl") || path.ends_with(".csv") || *path == LOCK_PATH;
        let paths: Vec<String> = site.keys().filter(sources).cloned().collect();
        let text = site.get_mut(&paths[self.file.index(paths.len())]).unwrap();
        let at = self.at.index(text.len() + 1);
        let end = (at + usize::from(self.length % 24)).min(text.len());
        match self.way {
            0 => drop(text.splice(at..end, [])),
            1 => {
                if let Some(byte) = text.get_mut(at) {
                    *byte ^= 1 << (self.length % 8);
                }
            }
            2 | 3 => {
                let word = WORDS[self.with.index(WORDS.len())].bytes();
                let end = if self.way == 2 { at } else { end };
                text.splice(at..end, word);
            }
            4 => {
                let other = &texts[self.with.index(texts.len())];
                let from = self.from.index(other.len() + 1);
                let to = (from + 8 * usize::from(self.length)).min(other.len());
                text.splice(at..at, other[from..to].iter().copied());
            }
            5 => text.truncate(at),
            _ => self.lines(text, texts),
        }
    }

    /// Damage to whole lines, which leaves the most that means something.
    fn lines(&self, text: &mut Vec<u8>, texts: &[Vec<u8>]) {
        let mut lines: Vec<Vec<u8>> = text
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        if lines.is_empty() {
            return;
        }
        let (one, two) = (self.at.index(lines.len()), self.from.index(lines.len()));
        match self.way {
            6 => drop(lines.remove(one)),
            7 => lines.insert(one, lines[two].clone()),
            8 => lines.swap(one, two),
            _ => {
                let other = &texts[self.with.index(texts.len())];
                let others: Vec<&[u8]> = other.split_inclusive(|byte| *byte == b'\n').collect();
                if !others.is_empty() {
                    lines.insert(one, others[self.from.index(others.len())].to_vec());
                }
            }
        }
        *text = lines.concat();
    }
}

fn files(site: &Site) -> MemoryFiles {
    let mut files = MemoryFiles::default();
    for (path, bytes) in site {
        files.insert(path, bytes.clone());
    }
    files
}

fn shown(compiled: &Compiled) -> String {
    render::text(&compiled.diagnostics, &compiled.sources, false)
}

/// All that the compiler does with a site.
fn check(site: &Site) {
    let mut files = files(site);
    let compiled = compile(&files, "site.kdl");
    let is_bad = compiled.diagnostics.iter().any(|one| one.is_error());
    assert_eq!(compiled.site.is_none(), is_bad, "{}", shown(&compiled));
    render::text(&compiled.diagnostics, &compiled.sources, true);
    render::json(&compiled.diagnostics, &compiled.sources);
    sarif(&compiled.diagnostics, &compiled.sources, Path::new("/site"));
    let (again, catalog) = compile_catalog(&files, "site.kdl", Detail::Full);
    assert_eq!(again.diagnostics, compiled.diagnostics);
    assert_eq!(catalog.is_some(), !is_bad);
    if let (Some(site), Some(catalog)) = (&again.site, catalog) {
        graph(
            &catalog,
            &View {
                of: None,
                depth: None,
                full: true,
            },
        );
        for name in site.controllers.keys() {
            desired(site, name);
        }
    }
    for text in site
        .values()
        .filter_map(|bytes| std::str::from_utf8(bytes).ok())
    {
        let id = bedplate::diag::span::Sources::default().add("x.kdl", text.into());
        if let Ok(formatted) = format(id, text) {
            assert_eq!(format(id, &formatted).as_ref(), Ok(&formatted), "{text}");
        }
    }
    let (told, made) = lock::lock(&files, "site.kdl");
    render::text(&told.diagnostics, &told.sources, false);
    if let Some(made) = made {
        files.insert(LOCK_PATH, made.text().into_bytes());
        let locked = compile(&files, "site.kdl");
        assert!(locked.site.is_some(), "{}\n{}", made.text(), shown(&locked));
    }
}

proptest! {
    #![proptest_config(cases::cases(150))]

    #[test]
    fn damaged_sites_never_panic(which in any::<Index>(), damages in proptest::collection::vec(damage(), 0..6)) {
        let (sites, texts) = corpus();
        let mut site = sites[which.index(sites.len())].clone();
        for damage in damages {
            damage.apply(&mut site, texts);
        }
        check(&site);
    }
}

/// Changes of [`SITE`] that were found to go wrong: what is replaced, and with what.
const FOUND: &[(&str, &str, &str)] = &[
    // The name of a link may hold what ends a string.
    (
        "more.kdl",
        "ethernet \"x\" vlan=\"v\" mac=\"52:54:00:00:00:03\" { address \"10.0.0.9\" }",
        "ethernet \"e\\\"\\\\x\" vlan=\"v\" { address \"auto\" }",
    ),
    // An old name's address that is not free any more.
    (
        LOCK_PATH,
        "\"old\" \"e\" \"10.0.0.0/24\" \"10.0.0.4\"",
        "\"old\" \"e\" \"10.0.0.0/24\" \"10.0.0.100\"",
    ),
    (
        LOCK_PATH,
        "\"old\" \"e\" \"10.0.0.0/24\" \"10.0.0.4\"",
        "\"old\" \"e\" \"10.0.0.0/24\" \"10.0.0.9\"",
    ),
    (
        LOCK_PATH,
        "\"old\" \"e\" \"10.0.0.0/24\" \"10.0.0.4\"",
        "\"old\" \"e\" \"10.0.0.0/24\" \"10.0.0.5\"",
    ),
    (
        LOCK_PATH,
        "\"old\" \"e\" \"10.0.0.0/24\" \"10.0.0.4\"",
        "\"old\" \"e\" \"10.0.0.0/24\" \"10.0.0.255\"",
    ),
];

#[test]
fn what_was_found_stays_mended() {
    let (sites, _) = corpus();
    let own = &sites[0];
    let compiled = lock::lock(&files(own), "site.kdl");
    assert!(compiled.1.is_some(), "{}", shown(&compiled.0));
    for (path, old, new) in FOUND {
        let mut site = own.clone();
        let text = String::from_utf8(site[*path].clone()).unwrap();
        assert!(text.contains(old), "{old}");
        site.insert((*path).to_owned(), text.replace(old, new).into_bytes());
        check(&site);
    }
}
