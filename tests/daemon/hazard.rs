//! What endangers people and others on the network: found on the real host, told in the plan, and allowed by name or not done.

use std::any::Any;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::{Lab, SITE, Said};
use crate::support::witness;

/// Both ends of a connection from the first machine to the daemon's host.
struct Connection {
    host: TcpStream,
    machine: TcpStream,
    _listener: TcpListener,
}

impl Connection {
    fn new(lab: &Lab, to: &str) -> Self {
        let listener = lab.host.run(|| TcpListener::bind(to).unwrap());
        let machine = lab.machines[0].run(|| TcpStream::connect(to).unwrap());
        let (host, _) = listener.accept().unwrap();
        Self {
            host,
            machine,
            _listener: listener,
        }
    }

    /// As sshd tells it.
    fn as_sshd_says(&self) -> String {
        let (from, to) = (
            self.machine.local_addr().unwrap(),
            self.machine.peer_addr().unwrap(),
        );
        let (from_port, to_port) = (from.port(), to.port());
        format!("{} {from_port} {} {to_port}", from.ip(), to.ip())
    }

    fn works(&mut self) {
        self.machine.write_all(b"?").unwrap();
        let mut heard = [0];
        self.host.read_exact(&mut heard).unwrap();
    }
}

/// Runs a command as somebody who came by `session`; empty for somebody who did not come by SSH.
fn run_by(lab: &Lab, session: &str, arguments: &[&str]) -> Said {
    let mut command = lab.command("site", arguments);
    command.env("SSH_CONNECTION", session);
    Said::of(&command.output().unwrap())
}

fn with_machine() -> Lab {
    let lab = Lab::new();
    lab.machines[0].ip("address add 10.70.0.11/16 dev eth0");
    lab
}

#[test]
fn a_session_that_an_apply_would_cut_is_named_and_kept() {
    let lab = with_machine();
    let _daemon = lab.serve();
    lab.applied();
    let moved = SITE.replace("10.70.0.2\"", "10.70.0.3\"");
    lab.write(&moved);
    let before = lab.run(&["plan", "--out", "../saved.plan"]);
    assert!(!before.out.contains("link-cut"), "{before:?}");
    let mut connection = Connection::new(&lab, "10.70.0.2:22");
    let session = connection.as_sshd_says();
    for (by, whose) in [(session.as_str(), "your session"), ("", "the SSH session")] {
        let plan = run_by(&lab, by, &["plan"]);
        let from = connection.machine.local_addr().unwrap();
        let told = format!(
            "! HAZARD link-cut  {whose} {from} -> 10.70.0.2:22 arrives on br0 (10.70.0.2/16)"
        );
        assert!(plan.out.contains(&told), "{plan:?}");
        assert!(
            plan.out
                .contains("takes 10.70.0.2/16 from br0; no later step mends it"),
            "{plan:?}"
        );
    }
    // Neither a plan from before the session nor a new one runs.
    for target in ["../saved.plan", "."] {
        let said = run_by(&lab, &session, &["apply", "--yes", target]);
        assert_eq!(said.code, 3, "{said:?}");
        assert!(
            said.out.contains("your session") && said.out.contains("--allow link-cut"),
            "{said:?}"
        );
        connection.works();
    }
    // What changes nothing on the way of the session needs no word.
    lab.write(&format!(
        "{SITE}route \"10.98.0.0/16\" {{ via \"10.70.0.253\" }}\n"
    ));
    let said = run_by(&lab, &session, &["apply", "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    connection.works();
    lab.write(&moved);
    let said = run_by(&lab, &session, &["apply", "--yes", "--allow", "link-cut"]);
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn a_session_on_another_port_counts_when_its_client_asks() {
    let lab = with_machine();
    let _daemon = lab.serve();
    lab.applied();
    let connection = Connection::new(&lab, "10.70.0.2:2222");
    lab.write(&SITE.replace("10.70.0.2\"", "10.70.0.3\""));
    let plan = run_by(&lab, &connection.as_sshd_says(), &["--json", "plan"]);
    assert!(plan.out.contains("link-cut"), "{plan:?}");
    let plan = run_by(&lab, "", &["--json", "plan"]);
    assert!(!plan.out.contains("link-cut"), "{plan:?}");
    let nonsense = run_by(&lab, "a b c d", &["plan"]);
    assert_eq!(nonsense.code, 0, "{nonsense:?}");
}

#[test]
fn a_busy_port_is_found_before_the_first_step() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    let before = witness::host(&lab.host);
    let thieves = [
        ("UDP 0.0.0.0:69", "listener/tftp/10.70.0.2"),
        ("TCP 0.0.0.0:80", "listener/http/10.70.0.2"),
        ("TCP 0.0.0.0:53", "listener/dns/10.70.0.2"),
    ];
    for (held, key) in thieves {
        let words: Vec<&str> = held.split(' ').collect();
        let address = words[1];
        let _thief: Box<dyn Any> = if words[0] == "TCP" {
            Box::new(lab.host.run(|| TcpListener::bind(address).unwrap()))
        } else {
            Box::new(lab.host.run(|| UdpSocket::bind(address).unwrap()))
        };
        let said = lab.apply();
        assert_eq!(said.code, 1, "{held} {said:?}");
        let told = format!("{key}: another program holds {held}; ");
        assert!(said.out.contains(&told), "{held} {said:?}");
        assert_eq!(witness::host(&lab.host), before, "{held}");
    }
    // Other addresses and other links are in nobody's way.
    let _others = lab.host.run(|| {
        let near = UdpSocket::bind("127.0.0.1:53").unwrap();
        (near, bound("0.0.0.0:67", "port1"))
    });
    lab.applied();
    lab.serves();
}

/// A socket on one link alone.
fn bound(address: &str, link: &str) -> socket2::Socket {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
    socket.bind_device(Some(link.as_bytes())).unwrap();
    let address: std::net::SocketAddr = address.parse().unwrap();
    socket.bind(&address.into()).unwrap();
    socket
}

/// A site whose controller has addresses on a port of its own.
const PLAIN: &str = r#"
site "lab" domain="lab.example"
fabric "plant" {
    vlan "pxe" { subnet "10.70.0.0/16"; subnet "fd70::/64" }
}
controller "rack-1" {
    ethernet "port1" vlan="pxe" { address "10.70.0.2"; address "fd70::2" }
    ethernet "port2" vlan="pxe"
}
"#;

#[test]
fn an_address_that_somebody_else_holds_is_not_taken_unasked() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.write(PLAIN);
    let mac = "02:00:00:00:70:01";
    let held = ["10.70.0.2/16", "fd70::2/64"];
    for held in held {
        lab.machines[0].ip(&format!("address add {held} dev eth0 nodad"));
    }
    let said = lab.apply();
    assert_eq!(said.code, 3, "{said:?}");
    for ip in ["10.70.0.2", "fd70::2"] {
        let told = format!(
            "! HAZARD ip-conflict  {ip} is to be taken on port1, and {mac} answers for it there"
        );
        assert!(said.out.contains(&told), "{said:?}");
    }
    assert!(said.out.contains("--allow ip-conflict"), "{said:?}");
    for held in held {
        lab.machines[0].ip(&format!("address del {held} dev eth0"));
    }
    // On another wire it is another address; and nobody has it any more on this one.
    lab.machines[1].ip("address add 10.70.0.2/16 dev eth0");
    lab.applied();
    // From one of its own links to another it moves without a word.
    lab.machines[1].ip("address del 10.70.0.2/16 dev eth0");
    let address = "{ address \"10.70.0.2\"; address \"fd70::2\" }";
    let without = PLAIN.replace(&format!(" {address}"), "");
    lab.write(&without.replace(
        "port2\" vlan=\"pxe\"",
        &format!("port2\" vlan=\"pxe\" {address}"),
    ));
    lab.applied();
}

/// The lab's site whose controller must reach some addresses, with a port taken from its bridge.
fn must_reach(addresses: &str, ports: &str) -> String {
    let site = SITE.replace(
        "controller \"rack-1\" {",
        &format!("controller \"rack-1\" {{ reachable {addresses};"),
    );
    site.replace("ports \"port1\" \"port2\"", &format!("ports {ports}"))
}

#[test]
fn an_apply_that_loses_who_must_be_reached_is_undone_at_once() {
    let lab = with_machine();
    lab.machines[1].ip("address add fd70::12/64 dev eth0 nodad");
    let _daemon = lab.serve();
    // Who never answered is told, and is no reason to undo anything.
    let reachable = "\"10.70.0.11\" \"10.70.0.99\"";
    let both = "\"port1\" \"port2\"";
    lab.write(&must_reach(reachable, both));
    let said = lab.apply();
    assert_eq!(said.code, 0, "{said:?}");
    let told = "10.70.0.11, 10.70.0.99 should be reachable and does not answer now, before the first step: nothing is undone for it";
    assert!(said.err.contains(told), "{said:?}");
    // The first machine is behind the port that goes.
    let before = witness::host(&lab.host);
    lab.write(&must_reach(reachable, "\"port2\""));
    let said = lab.apply();
    assert_eq!(said.code, 4, "{said:?}");
    let told = "Undone: 10.70.0.11 must be reachable, and answered no more after all steps. Everything is as it was before.";
    assert!(said.out.contains(told), "{said:?}");
    assert!(
        said.err.contains("10.70.0.99 should be reachable"),
        "{said:?}"
    );
    assert_eq!(witness::host(&lab.host), before);
    // The second one is behind the port that stays.
    lab.host.ip("address add fd70::2/64 dev br0 nodad");
    lab.write(&must_reach("\"fd70::12\"", "\"port2\""));
    let said = lab.apply();
    assert_eq!(said.code, 0, "{said:?}");
    assert!(!said.err.contains("should be reachable"), "{said:?}");
}

#[test]
fn ctrl_c_ends_the_client_and_says_that_the_apply_goes_on() {
    let lab = with_machine();
    let _daemon = lab.serve();
    lab.write(&must_reach("\"10.70.0.11\"", "\"port1\" \"port2\""));
    lab.applied();
    // The only one that must be reached is behind the port that goes: it is waited for.
    lab.write(&must_reach("\"10.70.0.11\"", "\"port2\""));
    let mut command = lab.command("site", &["apply", "--yes"]);
    let mut client = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(client.stderr.take().unwrap()).lines();
    let verifying = lines.find(|line| line.as_ref().unwrap().contains("verifying"));
    assert!(verifying.is_some());
    let process = Pid::from_raw(client.id().try_into().unwrap());
    kill(process, Signal::SIGINT).unwrap();
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(client.wait().unwrap().code(), Some(130), "{rest:?}");
    assert!(
        rest.len() == 1 && rest[0].starts_with("The daemon goes on with p-"),
        "{rest:?}"
    );
    lab.until("it is undone", |status| status["under_way"].is_null());
    let history = lab.json(&["history"]);
    assert_eq!(history[0]["fate"]["kind"], "unreachable", "{history:#}");
}
