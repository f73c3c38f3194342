//! How much memory compiling a site takes at most, for each byte of its text and of what its profiles give, written out for each
//! machine. Each text is the worst that was found of its kind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]
#![expect(clippy::print_stdout, reason = "the figures are for whoever looks")]

#[path = "support/counting.rs"]
mod counting;

use bedplate::base::limit;
use bedplate::lang::files::MemoryFiles;
use bedplate::site::compile;

const SITE: &str = "site \"s\" domain=\"s.example\"\n";

/// As many bytes as a text has, about.
const SIZE: usize = 250_000;

fn lines(line: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    let mut number = 0;
    while text.len() < SIZE {
        text += &line(number);
        number += 1;
    }
    text
}

/// A short name for a number.
fn short(mut number: usize) -> String {
    let mut name = String::from("a");
    while number > 0 {
        name.push(char::from(
            b"abcdefghijklmnopqrstuvwxyz0123456789"[number % 36],
        ));
        number /= 36;
    }
    name
}

fn low(number: usize) -> String {
    format!(
        "{}.{}.{}",
        number / 62_500 % 250,
        number / 250 % 250,
        number % 250 + 1
    )
}

/// A site that is large in one thing.
struct Text {
    name: &'static str,
    files: Vec<(&'static str, String)>,
    /// What its profiles would be, written out for each of their machines.
    inherited: usize,
}

impl Text {
    fn new(name: &'static str, text: impl Into<String>) -> Self {
        Self {
            name,
            files: vec![("site.kdl", format!("{SITE}{}", text.into()))],
            inherited: 0,
        }
    }

    /// A block that is nothing but lines, in blocks that `open` opens.
    fn block(name: &'static str, open: &str, line: impl Fn(usize) -> String) -> Self {
        let closing = "}".repeat(open.matches('{').count());
        Self::new(name, format!("{open}{}{closing}", lines(line)))
    }

    fn table(name: &'static str, header: &str, rows: String) -> Self {
        let profile = "profile p { ethernet e vlan=v }";
        let mut text = Self::new(
            name,
            format!("{FABRIC}{profile}\nmachines profile=p from=\"t.csv\"\n"),
        );
        let is_whole = |row: &&str| {
            let cells = |text: &str| text.matches(',').count();
            cells(row) == cells(header) && !row.is_empty()
        };
        text.inherited = rows.lines().filter(is_whole).count() * profile.len();
        text.files.push(("t.csv", format!("{header}\n{rows}")));
        text
    }

    fn lock(name: &'static str, lock: String) -> Self {
        let mut text = Self::new(name, "");
        text.files.push(("bedplate.lock", lock));
        text
    }

    /// Machines that share a profile.
    fn shared(name: &'static str, profile: &str, count: usize) -> Self {
        let machines: String = (0..count)
            .map(|n| format!("machine {} profile=p\n", short(n)))
            .collect();
        let mut text = Self::new(name, format!("{FABRIC}{profile}\n{machines}"));
        text.inherited = count * profile.len();
        text
    }

    /// The most bytes held at once while it is compiled, for each byte of it, and how many faults it has.
    fn cost(&self) -> (usize, usize) {
        let mut memory = MemoryFiles::default();
        let mut size = self.inherited;
        for (path, text) in &self.files {
            size += text.len();
            memory.insert(path, text.clone().into_bytes());
        }
        let (compiled, cost) = counting::cost(|| compile(&memory, "site.kdl"));
        (cost.peak / size, compiled.diagnostics.len())
    }
}

const FABRIC: &str = "fabric f { vlan v { subnet \"10.0.0.0/8\" } }\n";

fn nothing() -> Vec<Text> {
    vec![
        Text::new("nothing known", lines(|_| "x\n".into())),
        Text::new("empty nodes", lines(|_| "space\n".into())),
        Text::new("faulty words", "(".repeat(SIZE)),
        Text::new("faulty lines", "\"\n".repeat(SIZE / 2)),
        Text::new("semicolons", ";".repeat(SIZE)),
        Text::new("control characters", "\u{1}".repeat(SIZE)),
        Text::new("arguments", format!("space a{}", " a".repeat(SIZE / 2))),
        Text::new("properties", format!("space a{}", " a=a".repeat(SIZE / 4))),
        Text::new("includes", lines(|n| format!("include {}\n", short(n)))),
        Text::new("includes of nothing", lines(|_| "include \"x*\"\n".into())),
        Text::new("tables", lines(|n| format!("machines from={}\n", short(n)))),
    ]
}

fn objects() -> Vec<Text> {
    let many = |word: &'static str| Text::new(word, lines(|n| format!("{word} {}\n", short(n))));
    let words = [
        "space",
        "fabric",
        "controller",
        "machine",
        "profile",
        "image",
    ];
    let mut texts: Vec<Text> = words.into_iter().map(many).collect();
    texts.extend([
        Text::new("one name", lines(|_| "space a\n".into())),
        Text::new(
            "records",
            lines(|n| format!("record {} {{cname a}}\n", short(n))),
        ),
        Text::block("mail", "record w {", |_| "mx a;".into()),
        Text::block("vlans", "fabric f {", |n| format!("vlan {};", short(n))),
        Text::block("vlans of one name", "fabric f {", |_| "vlan a;".into()),
        Text::block("subnets", "fabric f {vlan v {", |n| {
            format!("subnet \"10.{}/32\";", low(n))
        }),
        Text::block("equal subnets", "fabric f {vlan v {", |_| {
            "subnet \"1.0.0.0/8\";".into()
        }),
        Text::block(
            "ranges",
            "fabric f {vlan v {subnet \"10.0.0.0/8\" {",
            |_| "dynamic-range \"10.0.0.0/9\";".into(),
        ),
        Text::new(
            "routes",
            lines(|_| "route \"1.0.0.0/8\" {via \"2.0.0.1\"}\n".into()),
        ),
        Text::new("bare routes", lines(|_| "route\n".into())),
    ]);
    texts
}

fn hosts() -> Vec<Text> {
    let links: String = (0..40).map(|n| format!("ethernet e{n} vlan=v; ")).collect();
    let bonds: String = (0..40).map(|n| format!("bond b{n}; ")).collect();
    let machine = |n: usize| {
        let (a, b, c) = (n >> 16, n >> 8 & 255, n & 255);
        let link = format!("ethernet e vlan=v mac=\"52:54:00:{a:02x}:{b:02x}:{c:02x}\"");
        format!(
            "machine {} {{{link} {{address \"10.{}\"}}}}\n",
            short(n),
            low(n)
        )
    };
    vec![
        Text::block("links", "machine m {", |n| {
            format!("ethernet {};", short(n))
        }),
        Text::block("bonds", "machine m {", |n| format!("bond {};", short(n))),
        Text::block("bridges", "machine m {", |n| {
            format!("bridge {} {{ports a}};", short(n))
        }),
        Text::block("rules", "controller c {", |n| format!("rule {};", n % 9)),
        Text::block("empty rules", "controller c {", |_| "rule;".into()),
        Text::block("own routes", "controller c {", |_| "route;".into()),
        Text::block("routers", "controller c {route {", |_| "via;".into()),
        Text::block("settings", "controller c {", |n| {
            format!("vrf {} {{arp-filter #true}};", short(n))
        }),
        Text::block("filtered ports", "controller c {bridge b {", |_| {
            "port a;".into()
        }),
        Text::block("addresses", "machine m {ethernet e {", |_| {
            "address \"10.0.0.1\";".into()
        }),
        Text::block("asked addresses", "machine m {ethernet e {", |_| {
            "address auto;".into()
        }),
        Text::block("dhcp", "machine m {ethernet e {", |_| {
            "address dhcp;".into()
        }),
        Text::new(
            "tags",
            format!("machine m {{ tag {} }}", lines(|n| short(n) + " ")),
        ),
        Text::block("moved", "machine m {", |_| "moved from=a;".into()),
        Text::block("removed", "machine m {", |n| {
            format!("remove {};", short(n))
        }),
        Text::block("options", "profile p {", |_| "option 9 (hex)\"00\";".into()),
        Text::shared(
            "machines of a profile",
            "profile p { ethernet e vlan=v }",
            SIZE / 20,
        ),
        Text::shared(
            "machines of a large one",
            &format!("profile p {{ {links} }}"),
            SIZE / 400,
        ),
        Text::shared(
            "machines of a faulty one",
            &format!("profile p {{ {bonds} }}"),
            SIZE / 400,
        ),
        Text::new(
            "machines with addresses",
            format!("{FABRIC}{}", lines(machine)),
        ),
    ]
}

fn tables() -> Vec<Text> {
    let mac = |n: usize| {
        format!(
            "52:54:00:{:02x}:{:02x}:{:02x}",
            n >> 16,
            n >> 8 & 255,
            n & 255
        )
    };
    let wide = lines(|n| format!("{},{},x\n", short(n), mac(n)));
    let lock = lines(|n| format!("address {} a \"10.0.0.0/8\" \"10.{}\"\n", short(n), low(n)));
    vec![
        Text::table("rows", "name", lines(|n| short(n) + "\n")),
        Text::table("equal rows", "name", lines(|_| "a\n".into())),
        Text::table("short rows", "name,tag", lines(|_| "a\n".into())),
        Text::table("commas", "name", ",".repeat(SIZE)),
        Text::table("quotes", "name", "\"a\"b,".repeat(SIZE / 5)),
        Text::table("rows of nothing", "name", "\n,".repeat(SIZE / 2)),
        Text::table("wide rows", "name,ethernet.e.mac,tag", wide),
        Text::lock("a lock", lock),
        Text::lock("a lock of nothing", lines(|_| "x\n".into())),
        Text::lock("a torn lock", "<<<<<<<\n".repeat(SIZE / 8)),
    ]
}

#[test]
fn memory_is_bounded_by_the_text() {
    let mut large = Vec::new();
    for text in [nothing(), objects(), hosts(), tables()]
        .into_iter()
        .flatten()
    {
        let ((cost, faults), name) = (text.cost(), text.name);
        println!("{cost:>4} bytes a byte, {faults:>6} faults: {name}");
        if cost > limit::MEMORY_PER_BYTE {
            large.push(format!("{name}: {cost}"));
        }
    }
    assert!(large.is_empty(), "{large:?}");
}
