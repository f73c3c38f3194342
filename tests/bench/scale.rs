//! A million leases and a hundred thousand reservations beside Kea: start-up, memory; and who waits while a tenth of the leases end
//! in one second.
//!
//! `cargo bench --bench scale`, as root, with kea-dhcp4 installed: some minutes. Both start from what they stored; ours serves DNS for
//! every machine and lease too.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark that meets the unexpected should stop there"
)]

mod figure;
mod pause;
mod probe;
mod rig;
mod site;
#[path = "../support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::fs;
use std::io::BufReader;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bedplate::base::mac::MacAddr;
use bedplate::serve::dhcp::{ClientKey, Lease, LeaseState};
use bedplate::store::{Batch, Embedded, Store as _, Write};
use probe::Probe;
use rig::{Bedplate, Cable, RELAYS};
use site::{address, mac};

const MACHINES: u32 = 100_000;
const LEASES: u32 = 1_000_000;
/// How many of them end at once.
const ENDING: u32 = 100_000;
/// How long after they were made: longer than both starts take.
const ENDS_AFTER: u64 = 60;

fn main() {
    let cable = Cable::new();
    let [mut asking, mut steady] = RELAYS.map(|relay| Probe::new(&cable.client, relay));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let bedplate = Bedplate::prepared(&cable, folder.path(), MACHINES);
    let ends = seconds() + ENDS_AFTER;
    store_leases(&folder.path().join("state/store"), ends);
    let started = Instant::now();
    let mut daemon = bedplate.start(&cable);
    let ours = since_offered(&mut asking, started);
    let mut log = BufReader::new(daemon.child().stderr.take().unwrap());
    rig::wait_for(&mut log, "\"ready\"");
    let memory = resident(daemon.child().id());
    let [idle, ending] = waits(&mut steady, ends);
    drop(daemon);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    write_kea_leases(folder.path(), seconds() + 3600);
    let started = Instant::now();
    let mut kea = rig::kea(&cable, folder.path(), MACHINES);
    let kea_start = since_offered(&mut asking, started);
    let kea_memory = resident(kea.child().id());
    let name = |what: &str| format!("scale: {what}, {LEASES} leases and {MACHINES} reservations");
    let start = name("start until the last reservation is offered");
    figure::print(&start, "ms", &[ours], "kea", &[kea_start]);
    let after = name("resident memory after the start");
    figure::print(&after, "MiB", &[memory], "kea", &[kea_memory]);
    idle.print(&name("longest wait for an offer"));
    ending.print(&format!(
        "scale: longest wait for an offer while {ENDING} leases end"
    ));
}

/// The address that is leased to the client `number`: apart from machines and ranges.
fn leased(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(10, 128, 0, 0).to_bits() + number)
}

fn client(number: u32) -> [u8; 6] {
    let [_, a, b, c] = number.to_be_bytes();
    [0x02, 0xdd, 0, a, b, c]
}

fn store_leases(folder: &Path, ends: u64) {
    let store = Embedded::open(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let numbers: Vec<u32> = (1..=LEASES).collect();
    for some in numbers.chunks(20_000) {
        let writes = some.iter().map(|number| put(*number, ends)).collect();
        let batch = Batch {
            writes,
            ..Batch::default()
        };
        runtime.block_on(store.commit(batch)).unwrap();
    }
}

fn put(number: u32, ends: u64) -> Write {
    let hardware = MacAddr(client(number)).into();
    let until = if number <= ENDING { ends } else { ends + 3600 };
    let name = format!("lease-{number}.bench.example");
    let lease = Lease {
        address: leased(number),
        client: ClientKey::of_hardware(hardware),
        hardware,
        state: LeaseState::Active,
        since: ends - ENDS_AFTER,
        expires: until,
        held_until: until,
        name: Some(name.parse().unwrap()),
        vlan: None,
        agent: None,
        known: None,
    };
    Write::Put {
        key: lease.key(),
        value: lease.encode(),
    }
}

fn write_kea_leases(folder: &Path, ends: u64) {
    let mut text = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context\n".to_owned();
    for number in 1..=LEASES {
        let mac = client(number).map(|octet| format!("{octet:02x}")).join(":");
        let address = leased(number);
        writeln!(text, "{address},{mac},,3600,{ends},1,0,0,lease-{number},0,").unwrap();
    }
    fs::write(folder.join("leases.csv"), text).unwrap();
}

fn since_offered(asking: &mut Probe, since: Instant) -> f64 {
    let offered = asking.until_offered(mac(MACHINES), address(MACHINES));
    (offered - since).as_secs_f64() * 1000.0
}

/// The longest wait for an offer, and the longest pause of the machine itself meanwhile.
struct Wait {
    answer: Duration,
    machine: Duration,
}

impl Wait {
    fn until(end: Instant, steady: &mut Probe) -> Self {
        let (answer, machine) = pause::beside(|| steady.longest_wait(mac(1), end));
        Self { answer, machine }
    }

    fn print(&self, figure: &str) {
        let [answer, machine] = [self.answer, self.machine].map(|time| time.as_secs_f64() * 1000.0);
        figure::print(
            figure,
            "ms",
            &[answer],
            "the machine's own pause",
            &[machine],
        );
    }
}

/// The waits from now until the leases end, and from then until all that ended is over.
fn waits(steady: &mut Probe, ends: u64) -> [Wait; 2] {
    assert!(seconds() + 2 < ends, "the start took too long");
    // A second early, as the clock's seconds are whole ones.
    let before = Instant::now() + Duration::from_secs(ends - seconds() - 1);
    // No event tells of the last that ends; a few seconds are many times what they need.
    [before, before + Duration::from_secs(6)].map(|end| Wait::until(end, steady))
}

fn seconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

/// MiB in memory.
fn resident(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mut lines = status.lines();
    let line = lines.find(|line| line.starts_with("VmRSS:")).unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}
