//! How the daemon starts, ends, and takes up what was applied.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::lab::{Lab, Said, udhcpc};
use crate::support::witness;

#[test]
fn the_last_applied_site_is_back_after_a_kill() {
    let lab = Lab::new();
    let daemon = lab.serve();
    lab.applied();
    drop(daemon);
    // As after a reboot: nothing of ours is left.
    lab.host.ip("link del br0");
    let _daemon = lab.serve();
    let status = lab.status();
    assert_eq!(
        (&status["drift"], &status["waiting"]),
        (&Value::Array(Vec::new()), &Value::Array(Vec::new())),
        "{status}"
    );
    assert!(udhcpc(&lab.machines[0], &lab.folder).contains("ip=10.70.0.11\n"));
}

#[test]
fn the_daemon_keeps_three_capabilities() {
    let lab = Lab::new();
    let mut daemon = lab.serve();
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.child().id())).unwrap();
    let sets: Vec<&str> = status
        .lines()
        .filter(|line| {
            line.starts_with("CapPrm") || line.starts_with("CapEff") || line.starts_with("CapBnd")
        })
        .collect();
    // CAP_NET_BIND_SERVICE 10, CAP_NET_ADMIN 12, CAP_NET_RAW 13.
    let expected = format!("{:016x}", (1_u64 << 10) | (1 << 12) | (1 << 13));
    assert_eq!(sets.len(), 3);
    assert!(
        sets.iter().all(|line| line.ends_with(&expected)),
        "{sets:?}"
    );
}

/// What it may not do it says with the kernel's own word, and what would let it.
#[test]
fn without_the_capability_nothing_changes_and_the_reason_is_told() {
    let lab = Lab::new();
    let mut command = lab.daemon(&[
        "setpriv",
        "--bounding-set=-net_admin",
        "--inh-caps=-net_admin",
    ]);
    command.stderr(std::process::Stdio::piped());
    let _daemon = lab.ready(command);
    let before = witness::host(&lab.host);
    let refused = lab.run(&["apply", "--yes"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    for word in ["EPERM", "CAP_NET_ADMIN", "site.kdl:"] {
        assert!(
            refused.err.contains(word) || refused.out.contains(word),
            "{word}: {refused:?}"
        );
    }
    assert_eq!(witness::host(&lab.host), before);
}

/// Runs a daemon that is expected to refuse.
fn refused(lab: &Lab, change: impl Fn(&mut Vec<String>)) -> Said {
    let command = lab.daemon(&[]);
    let words = command
        .get_args()
        .map(|word| word.to_str().unwrap().to_owned());
    let mut words: Vec<String> = words.collect();
    change(&mut words);
    let program = command.get_program();
    Said::of(
        &std::process::Command::new(program)
            .args(words)
            .output()
            .unwrap(),
    )
}

fn replace(words: &mut [String], option: &str, value: String) {
    let at = words.iter().position(|word| word == option).unwrap();
    words[at + 1] = value;
}

#[test]
fn told_to_stop_it_leaves_the_host_as_it_is() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let lab = Lab::new();
        let mut daemon = lab.serve();
        lab.applied();
        let before = witness::host(&lab.host);
        let mode = fs::metadata(lab.path("socket"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o660);
        kill(Pid::from_raw(daemon.child().id().cast_signed()), signal).unwrap();
        assert!(daemon.child().wait().unwrap().success());
        assert!(!lab.path("socket").exists());
        assert_eq!(witness::host(&lab.host), before);
        let _daemon = lab.serve();
        assert_eq!(lab.unlike(), Default::default());
        lab.serves();
    }
}

#[test]
fn it_refuses_what_another_daemon_or_program_has() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let other = |name: &str| lab.path(name).display().to_string();
    let same_state = refused(&lab, |words| replace(words, "--socket", other("socket2")));
    assert_eq!(same_state.code, 1);
    assert!(
        same_state
            .out
            .contains("another daemon uses the state folder"),
        "{same_state:?}"
    );
    let same_socket = refused(&lab, |words| replace(words, "--state", other("state2")));
    assert_eq!(same_socket.code, 1);
    assert!(
        same_socket.out.contains("a daemon is answering"),
        "{same_socket:?}"
    );
    fs::write(lab.path("precious"), "somebody's").unwrap();
    let no_socket = refused(&lab, |words| {
        replace(words, "--state", other("state2"));
        replace(words, "--socket", other("precious"));
    });
    assert_eq!(no_socket.code, 1);
    assert!(
        no_socket.out.contains("precious is no socket") && no_socket.out.contains("--socket"),
        "{no_socket:?}"
    );
    assert_eq!(fs::read(lab.path("precious")).unwrap(), b"somebody's");
    assert_eq!(
        lab.status()["controller"],
        "rack-1",
        "the first one still answers"
    );
}

#[test]
fn it_refuses_the_state_of_another_controller() {
    let lab = Lab::new();
    let daemon = lab.serve();
    lab.applied();
    drop(daemon);
    assert!(
        lab.path("socket").exists(),
        "a killed daemon leaves its socket"
    );
    let before = witness::host(&lab.host);
    let said = refused(&lab, |words| {
        replace(words, "--controller", "rack-9".to_owned())
    });
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("D010") && said.out.contains("rack-9"),
        "{said:?}"
    );
    assert_eq!(witness::host(&lab.host), before);
}

#[test]
fn a_busy_port_keeps_only_its_own_server_from_coming_back() {
    let lab = Lab::new();
    let daemon = lab.serve();
    lab.applied();
    drop(daemon);
    lab.host.ip("link del br0");
    let thief = lab.host.run(|| UdpSocket::bind("0.0.0.0:69").unwrap());
    let _daemon = lab.serve();
    let busy = "+ controller/rack-1/listener/tftp/10.70.0.2".to_owned();
    assert_eq!(lab.unlike(), (vec![busy], Vec::new()));
    assert!(udhcpc(&lab.machines[0], &lab.folder).contains("ip=10.70.0.11\n"));
    drop(thief);
    lab.settled();
    lab.serves();
}

#[test]
fn a_missing_link_is_waited_for() {
    let lab = Lab::new();
    let daemon = lab.serve();
    lab.applied();
    drop(daemon);
    lab.host.ip("link del br0");
    lab.host.ip("link del port2");
    let _daemon = lab.serve();
    let waiting = "controller/rack-1/link/port2: the host has no such link".to_owned();
    assert_eq!(lab.unlike(), (Vec::new(), vec![waiting]));
    lab.serves();
    // The site that it waits for was applied: nobody needs to ask again.
    lab.host.veth("port2", &lab.machines[1], "eth0");
    lab.settled();
    assert_eq!(lab.host.ip_json("link show dev port2")[0]["master"], "br0");
}
