//! A store on a disk that is full: nothing is promised, nothing is half done, and what needs no disk goes on.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::client::Relay;
use crate::lab::{Lab, MORE, PATIENCE, SITE, dig, udhcpc, with_routes};
use crate::support::sandbox::Running;
use crate::support::witness;

/// Size of the state folder's disk: too small for the journal to be allocated, which would go on for a while on a full one.
const DISK: &str = "24m";

/// Room that comes free at a time: less than any of the writes of an apply.
const ROOM: u64 = 4096;

/// Writes to `path` until the disk is full.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

/// A daemon with a disk of its own for its state, and the file that fills it.
fn on_a_small_disk(lab: &Lab) -> (Running, PathBuf) {
    let state = lab.path("state");
    fs::create_dir(&state).unwrap();
    let mount = format!(
        "mount -t tmpfs -o size={DISK} tmpfs {} && exec \"$@\"",
        state.display()
    );
    let mut daemon = lab.ready(lab.daemon(&["unshare", "--mount", "sh", "-c", &mount, "sh"]));
    let seen = format!("/proc/{}/root{}", daemon.child().id(), state.display());
    (daemon, PathBuf::from(seen).join("ballast"))
}

#[test]
fn a_full_disk_promises_nothing_and_heals() {
    let lab = Lab::new();
    let (_daemon, ballast) = on_a_small_disk(&lab);
    lab.applied();
    lab.serves();
    fill(&ballast);
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
    assert_eq!(lab.unlike(), Default::default());
    assert_eq!(dig(&lab, &["node-01.lab.example"]), "10.70.0.11");
    fs::remove_file(ballast).unwrap();
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
    let (_daemon, ballast) = on_a_small_disk(&lab);
    lab.applied();
    let known = Relay::with(&lab, PATIENCE, |relay| relay.lease(200..203));
    fill(&ballast);
    let patience = Duration::from_secs(1);
    Relay::with(&lab, patience, |relay| {
        // The store's last page may still have room for some leases, but not for all of these.
        let is_refused = |client: &u16| {
            let offered = relay.discover(*client);
            offered
                .and_then(|address| relay.request(*client, address))
                .is_none()
        };
        assert!(
            (0..80).any(|client| is_refused(&client)),
            "the disk was not full"
        );
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
    fs::remove_file(ballast).unwrap();
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
    let (_daemon, ballast) = on_a_small_disk(&lab);
    lab.write(from);
    lab.applied();
    fill(&ballast);
    let (before, file) = (
        witness::host(&lab.host),
        File::options().write(true).open(&ballast).unwrap(),
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
    let (mut daemon, ballast) = on_a_small_disk(&lab);
    lab.applied();
    let before = witness::host(&lab.host);
    // More than what a store may have set room aside for.
    lab.write(&with_routes(200));
    let said = lab.run(&["apply", "--yes", "--confirm-within", "1h"]);
    assert_eq!(said.code, 0, "{said:?}");
    fill(&ballast);
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
    fs::remove_file(ballast).unwrap();
    // … and written with the next thing that is.
    assert_eq!(lab.run(&["hold", "room"]).code, 0);
    // A copy, since the disk goes with its daemon.
    let seen = format!("/proc/{}/root", daemon.child().id());
    let state = PathBuf::from(seen + &lab.path("state").display().to_string());
    let mut copy = Command::new("cp");
    copy.arg("-r").arg(state.join(".")).arg(lab.path("state"));
    assert!(copy.status().unwrap().success());
    drop(daemon);
    let _daemon = lab.serve();
    assert_eq!(lab.status()["hold"]["reason"], "room");
    assert_eq!(lab.history()[0]["fate"]["cause"]["why"], "asked");
    assert_eq!(witness::host(&lab.host), before);
}
