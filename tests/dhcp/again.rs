//! Clients that people use, where all is not as it should be: somebody has their address, or they start again without a word.

use std::fs;
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Instant;

use bedplate::serve::dhcp::{LeaseState, Server};
use bedplate::store::Faulty;

use crate::clients::{ADDRESS, HOOK, Network, PATIENCE, direct, says, site, start};
use crate::net::{run, script, serve, wait};

const NEXT: &str = "10.78.0.101";

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

struct Lab {
    folder: tempfile::TempDir,
    network: Network,
    server: Server,
}

fn lab() -> Lab {
    let folder = tempfile::tempdir().unwrap();
    script(&folder.path().join("hook"), HOOK);
    let network = direct();
    let site = site("1h", "10.78.0.1");
    let store = Arc::new(Faulty::default());
    let server = serve(&network.server, store, &site, network.address, |_| {});
    Lab {
        folder,
        network,
        server,
    }
}

impl Lab {
    fn start(&self, command: &'static str) -> (Child, Receiver<String>) {
        start(&self.network.client, self.folder.path(), command)
    }

    /// Until dhclient has noted what it was given, which it does after it has said so.
    fn wait_for_lease(&self) {
        let end = Instant::now() + PATIENCE;
        let leases = self.folder.path().join("leases");
        while !fs::read_to_string(&leases).is_ok_and(|text| text.ends_with("}\n")) {
            assert!(Instant::now() < end, "it notes no lease");
            thread::yield_now();
        }
    }

    /// Addresses in their order, with what they are.
    fn states(&self) -> Vec<(String, LeaseState)> {
        let leases = wait(self.server.leases()).unwrap();
        let each = leases.into_iter();
        each.map(|lease| (lease.address.to_string(), lease.state))
            .collect()
    }
}

/// A client that finds its address in use says so, and has another one.
fn declines(command: &'static str, says_when_bound: &str) {
    let lab = lab();
    lab.network.server.run(|| {
        run("ip", &format!("address add {ADDRESS}/24 dev srv"));
    });
    let (child, lines) = lab.start(command);
    let bound = format!("{says_when_bound} {NEXT}");
    assert!(says(&lines, &bound, PATIENCE), "no other address");
    let expected = [
        (ADDRESS.to_owned(), LeaseState::Declined),
        (NEXT.to_owned(), LeaseState::Active),
    ];
    assert_eq!(lab.states(), expected);
    end(child);
}

#[test]
fn udhcpc_declines_what_somebody_has() {
    declines("udhcpc -f -i cli -a -t 5 -T 1 -A 1 -s FOLDER/hook", "bound");
}

#[test]
fn dhcpcd_declines_what_somebody_has() {
    declines(
        "dhcpcd -4 -B -f /dev/null -C resolv.conf -c FOLDER/hook cli",
        "BOUND",
    );
}

/// One that starts again asks for what it had (RFC 2131 3.2), and has it without a DISCOVER.
#[test]
fn dhclient_starts_again_where_it_was() {
    const COMMAND: &str =
        "dhclient -4 -d -cf /dev/null -sf FOLDER/hook -lf FOLDER/leases -pf FOLDER/pid cli";
    let lab = lab();
    for reason in ["BOUND", "REBOOT"] {
        let (child, lines) = lab.start(COMMAND);
        let heard = says(&lines, &format!("{reason} {ADDRESS}"), PATIENCE);
        assert!(heard, "{reason}");
        lab.wait_for_lease();
        // It has no time to release anything.
        end(child);
    }
    let counters = wait(lab.server.counters()).unwrap();
    assert_eq!((counters.offers, counters.acks), (1, 2), "{counters:?}");
    assert_eq!(lab.states(), [(ADDRESS.to_owned(), LeaseState::Active)]);
}
