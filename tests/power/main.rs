//! A power cut under the whole daemon: a guest that serves DHCP from a disk of its own is ended at once, with all that its kernel had not
//! written yet. No acknowledged lease is lost, and no address given twice.
//!
//! The guest tells on its serial line whom it acknowledged what, after the client has heard it; the line outlives it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

#[path = "../guest/daemon.rs"]
mod daemon;
mod inside;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use support::guest;

/// Set in the guest: which life of it this is, from 0 on.
const LIFE: &str = "BEDPLATE_TEST_LIFE";

/// Acknowledged leases before each cut.
const CUTS: [usize; 2] = [37, 90];

#[test]
fn acknowledged_leases_outlive_a_power_cut() {
    match env::var(LIFE) {
        Ok(life) => inside::live(life.parse().unwrap()),
        Err(_) => cut_again_and_again(),
    }
}

fn cut_again_and_again() {
    let scratch = TempDir::new().unwrap();
    let disk = scratch.path().join("disk");
    let made = Command::new("mke2fs")
        .args(["-q", "-t", "ext4"])
        .arg(&disk)
        .arg("256m")
        .status();
    assert!(made.unwrap().success());
    let mut acknowledged = BTreeMap::new();
    for (life, cut) in CUTS.into_iter().map(Some).chain([None]).enumerate() {
        let told = one_life(scratch.path(), &disk, life, cut);
        if life > 0 {
            let listed = leases(&told, "lease");
            for (address, client) in &acknowledged {
                assert_eq!(listed.get(address), Some(client), "{address} in {told}");
            }
        }
        for (address, client) in leases(&told, "ack") {
            let before = acknowledged.insert(address, client);
            assert_eq!(before, None, "{address} was given twice: {told}");
        }
    }
    assert!(acknowledged.len() > CUTS.iter().sum());
}

/// What a guest told until its power was cut, after so many leases; or it ended by itself.
fn one_life(scratch: &Path, disk: &Path, life: usize, cut: Option<usize>) -> String {
    let folder = scratch.join(life.to_string());
    fs::create_dir(&folder).unwrap();
    let mut boot = guest::booted(
        "modprobe virtio_pci; modprobe virtio_blk; mkdir /disk; mount -t ext4 /dev/vda /disk",
        &[(LIFE, &life.to_string())],
        &[
            "--exact",
            "acknowledged_leases_outlive_a_power_cut",
            "--nocapture",
        ],
    );
    boot.env("BEDPLATE_GUEST_DISK", disk);
    boot.env("BEDPLATE_GUEST_SCRATCH", &folder);
    let (output, complaint) = (folder.join("output"), folder.join("complaint"));
    let log = fs::File::create(&complaint).unwrap();
    boot.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let mut boot = boot.spawn().unwrap();
    let told = || {
        let bytes = fs::read(&output).unwrap_or_default();
        // What it was just saying is no word yet.
        let end = bytes.iter().rposition(|byte| *byte == b'\n');
        String::from_utf8_lossy(&bytes[..end.map_or(0, |end| end + 1)]).into_owned()
    };
    match cut {
        Some(cut) => {
            while leases(&told(), "ack").len() < cut {
                let ended = boot.try_wait().unwrap();
                assert!(ended.is_none(), "{ended:?}: {}", said(&complaint, &told()));
                thread::sleep(Duration::from_millis(5));
            }
            power_cut(&folder, &mut boot);
        }
        None => {
            let status = boot.wait().unwrap();
            assert!(status.success(), "{}", said(&complaint, &told()));
        }
    }
    told()
}

fn said(complaint: &Path, told: &str) -> String {
    let complaint = fs::read_to_string(complaint).unwrap();
    format!("{complaint}{told}")
}

fn power_cut(folder: &Path, boot: &mut Child) {
    let pid = fs::read_to_string(folder.join("pid")).unwrap();
    let pid = Pid::from_raw(pid.trim().parse().unwrap());
    kill(pid, Signal::SIGKILL).unwrap();
    boot.wait().unwrap();
}

/// The leases of which a guest told by this word: whose each address is.
fn leases(told: &str, word: &str) -> BTreeMap<Ipv4Addr, String> {
    let mut leases = BTreeMap::new();
    for line in told.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [own, address, client] = words[..]
            && own == word
        {
            let before = leases.insert(address.parse().unwrap(), client.to_owned());
            assert_eq!(before, None, "{address} twice in {told}");
        }
    }
    leases
}
