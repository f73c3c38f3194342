//! A store on a disk that is full: nothing is promised, nothing is half done, and what needs no disk goes on.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::client::Relay;
use crate::lab::{Lab, MORE, PATIENCE, SITE, dig, udhcpc, with_routes};
use crate::support::sandbox::Running;
use crate::support::witness;

/// Size of the state folder's disk: too small for the journal to be allocated, which would go on for a while on a full one.
const DISK: &str = "24m";

/// Room that comes free at a time: less than any of the writes of an apply.
const ROOM: u64 = 4096;

/// A disk for the state alone, which outlives its daemons.
struct Disk {
    /// Whose mount namespace it is in.
    holder: Running,
    ballast: PathBuf,
}

impl Disk {
    fn of(lab: &Lab) -> Self {
        let state = lab.path("state");
        fs::create_dir(&state).unwrap();
        let script = format!(
            "mount -t tmpfs -o size={DISK} tmpfs {} && echo && exec sleep infinity",
            state.display()
        );
        let mut holder = Command::new("unshare");
        holder.args(["--mount", "sh", "-c", &script]);
        let mut holder = Running::start(holder.stdin(Stdio::null()).stdout(Stdio::piped()));
        let mut mounted = [0];
        let told = holder.child().stdout.as_mut().unwrap();
        told.read_exact(&mut mounted).unwrap();
        let seen = format!("/proc/{}/root{}", holder.child().id(), state.display());
        Self {
            holder,
            ballast: PathBuf::from(seen).join("ballast"),
        }
    }

    /// A daemon that has its state there.
    fn serve(&mut self, lab: &Lab) -> Running {
        let namespace = format!("--mount=/proc/{}/ns/mnt", self.holder.child().id());
        lab.ready(lab.daemon(&["nsenter", &namespace, "--"]))
    }

    /// Writes until it is full.
    fn fill(&self) {
        let mut file = File::create(&self.ballast).unwrap();
        for size in [1 << 20, 1 << 12, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn empty(&self) {
        fs::remove_file(&self.ballast).unwrap();
    }
}

/// The store's last page may still have room for some leases, but not for all of these.
fn use_up(relay: &Relay) {
    let is_refused = |client: u16| {
        let offered = relay.discover(client);
        offered
            .and_then(|address| relay.request(client, address))
            .is_none()
    };
    assert!((0..80).any(is_refused), "the disk was not full");
}

#[test]
fn a_full_disk_promises_nothing_and_heals() {
    let lab = Lab::new();
    let mut disk = Disk::of(&lab);
    let _daemon = disk.serve(&lab);
    lab.applied();
    lab.serves();
    disk.fill();
    let before = witness::host(&lab.host);
    lab.write(&format!("{SITE}{MORE}"));
    let said = lab.apply();
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("D005"), "{said:?}");
    assert_eq!(witness::host(&lab.host), before);
    // The store's last page may still have room for some leases, but not for all of these.
    let patience = Duration::from_secs(1);
    let acknowledged: Vec<Ipv4Addr> = Relay::with(&lab, patience, |relay| {
        let bound = (0..90).map_while(|client| relay.request(client, relay.discover(client)?));
        bound.collect()
    });
    assert!(acknowledged.len() < 90, "the disk was not full");
    assert!(lab.status()["counters"]["dhcp.unstored"].as_u64() > Some(0));
    assert_eq!(lab.status()["store"], "failing");
    let said = lab.run(&["status"]);
    assert!(
        said.code == 4 && said.out.contains("cannot be stored"),
        "{said:?}"
    );
    // With what the system says of it.
    let line = lab.logged("leases were not stored");
    assert!(line.contains("No space left on device"), "{line}");
    assert_eq!(lab.unlike(), Default::default());
    assert_eq!(dig(&lab, &["node-01.lab.example"]), "10.70.0.11");
    disk.empty();
    lab.applied();
    assert!(udhcpc(&lab.machines[1], &lab.folder).contains("ip=10.70.0.12\n"));
    let leases = lab.run(&["leases"]).out;
    for address in acknowledged {
        assert!(leases.contains(&address.to_string()), "{address}: {leases}");
    }
    lab.serves();
}

/// Whoever has a lease keeps it for as long as is promised on the disk already; whoever has none is not promised one.
#[test]
fn on_a_full_disk_known_clients_are_served_and_new_ones_are_not() {
    let lab = Lab::new();
    let mut disk = Disk::of(&lab);
    let _daemon = disk.serve(&lab);
    lab.applied();
    let known = Relay::with(&lab, PATIENCE, |relay| relay.lease(200..203));
    disk.fill();
    let patience = Duration::from_secs(1);
    Relay::with(&lab, patience, |relay| {
        use_up(relay);
        for (address, client) in &known {
            assert_eq!(relay.renew(*client, *address), Some(*address));
        }
        // Nobody is offered what cannot be promised, however slowly they come.
        assert!((150..153).all(|client| relay.discover(client).is_none()));
        for (address, client) in &known {
            assert_eq!(relay.renew(*client, *address), Some(*address), "again");
        }
    });
    assert_eq!(lab.status()["store"], "failing");
    let said = lab.run(&["status"]).out;
    assert!(said.contains("cannot be stored"), "{said}");
    disk.empty();
    // Without any client that asks.
    lab.until("a write ends well again", |status| {
        status["store"].is_null()
    });
    let fresh = Relay::with(&lab, PATIENCE, |relay| relay.lease(100..101));
    assert!(!known.contains_key(fresh.first_key_value().unwrap().0));
    let leases = lab.json(&["leases", "--state", "active"]);
    let leases: Vec<Ipv4Addr> = leases
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["address"].as_str().unwrap().parse().unwrap())
        .collect();
    let mut all = known.keys().chain(fresh.keys());
    assert!(all.all(|address| leases.contains(address)), "{leases:?}");
}

/// Goes from one site to another while the disk has a little more room each time, until that is enough.
fn at_any_moment(from: &str, to: &str) {
    let lab = Lab::new();
    let mut disk = Disk::of(&lab);
    let _daemon = disk.serve(&lab);
    lab.write(from);
    lab.applied();
    disk.fill();
    let (before, file) = (
        witness::host(&lab.host),
        File::options().write(true).open(&disk.ballast).unwrap(),
    );
    lab.write(to);
    let (mut begun, mut unkept) = (0, 0);
    let mut left = file.metadata().unwrap().len();
    // What fails uses its room up.
    for attempt in 1..60 {
        let said = lab.run(&["apply", "--yes", "--allow", "mass-delete"]);
        if said.code == 0 {
            break;
        }
        assert!(said.err.contains("D005") || said.code == 4, "{said:?}");
        assert!(!said.out.contains("could not"), "{said:?}");
        begun += usize::from(said.err.contains("[1"));
        unkept += usize::from(said.err.contains("verifying"));
        assert_eq!(witness::host(&lab.host), before, "{said:?}");
        assert_eq!(lab.unlike(), Default::default(), "{said:?}");
        left -= ROOM * (1 + attempt / 2);
        file.set_len(left).unwrap();
    }
    assert_eq!(lab.unlike(), Default::default());
    assert_ne!(
        witness::host(&lab.host),
        before,
        "there was never enough room"
    );
    assert!(
        begun > 0 && unkept > 0,
        "{begun} begun, {unkept} done and not kept"
    );
}

#[test]
fn a_disk_that_is_full_at_any_moment_of_an_apply_leaves_all_as_it_was() {
    at_any_moment(SITE, &with_routes(100));
}

#[test]
fn nor_does_it_lose_what_makes_room_for_others() {
    let from = with_routes(100);
    let to = from.replace("10.100.1", "10.101.1");
    at_any_moment(&from, &to.replace("10.70.0.2\"", "10.70.0.3\""));
}

#[test]
fn on_a_full_disk_an_apply_that_waits_is_reverted_and_never_said_to_be_kept() {
    let lab = Lab::new();
    let mut disk = Disk::of(&lab);
    let daemon = disk.serve(&lab);
    lab.applied();
    let before = witness::host(&lab.host);
    // More than what a store may have set room aside for.
    lab.write(&with_routes(200));
    let said = lab.run(&["apply", "--yes", "--confirm-within", "1h"]);
    assert_eq!(said.code, 0, "{said:?}");
    disk.fill();
    let said = lab.run(&["confirm"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(
        said.err.contains("D005") && said.err.contains("nothing is confirmed"),
        "{said:?}"
    );
    assert_eq!(lab.status()["unconfirmed"]["who"]["uid"], 0);
    assert_eq!(lab.history()[0]["fate"]["kind"], "unconfirmed");
    assert_eq!(lab.run(&["hold", "no room"]).code, 1);
    assert_eq!(lab.run(&["rollback"]).code, 0);
    assert_eq!(witness::host(&lab.host), before);
    // Told, though it is not written yet …
    assert_eq!(lab.history()[0]["fate"]["cause"]["why"], "asked");
    assert_eq!(lab.unlike(), Default::default());
    disk.empty();
    // … and written with the next thing that is.
    assert_eq!(lab.run(&["hold", "room"]).code, 0);
    drop(daemon);
    let _daemon = disk.serve(&lab);
    assert_eq!(lab.status()["hold"]["reason"], "room");
    assert_eq!(lab.history()[0]["fate"]["cause"]["why"], "asked");
    assert_eq!(witness::host(&lab.host), before);
}

/// Goes back where an apply was interrupted, and says nothing of the end of one where none was.
#[test]
fn a_start_on_a_full_disk_serves_as_before() {
    const UNWRITTEN: &str = "cannot write down that the apply is over";
    for is_interrupted in [false, true] {
        let lab = Lab::new();
        let mut disk = Disk::of(&lab);
        let daemon = disk.serve(&lab);
        lab.applied();
        let before = witness::host(&lab.host);
        if is_interrupted {
            lab.write(&with_routes(3));
            let said = lab.run(&["apply", "--yes", "--confirm-within", "1h"]);
            assert_eq!(said.code, 0, "{said:?}");
            assert_ne!(witness::host(&lab.host), before);
        }
        disk.fill();
        Relay::with(&lab, Duration::from_secs(1), use_up);
        drop(daemon);
        let _daemon = disk.serve(&lab);
        assert_eq!(witness::host(&lab.host), before);
        assert_eq!(lab.unlike(), Default::default());
        // Before any client asks.
        lab.until("that nothing can be stored is told", |status| {
            status["store"] == "failing"
        });
        assert_eq!(lab.run(&["status"]).code, 4);
        // What is said before a daemon is ready is there once it is.
        let log = fs::read_to_string(lab.path("log")).unwrap();
        assert_eq!(log.contains(UNWRITTEN), is_interrupted, "{log}");
    }
}
