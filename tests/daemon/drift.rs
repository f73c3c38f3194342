//! What others change behind the daemon's back.

use serde_json::Value;

use crate::lab::{Lab, Said, udhcpc, unlike};
use crate::support::sandbox::Running;

#[test]
fn what_others_break_shows_and_is_put_back() {
    let lab = Lab::new();
    let daemon = lab.serve();
    lab.applied();
    lab.host.ip("route del 10.99.0.0/16");
    lab.host.ip("link set br0 mtu 1400");
    kill_listener(&lab, &daemon, "HTTP", 80);
    // The daemon's own sockets it opens again by itself.
    let status = lab.until("the listener is back", |status| {
        let (drift, _) = unlike(status);
        drift.iter().all(|line| !line.contains("listener"))
    });
    let expected = [
        "~ controller/rack-1/link/br0".to_owned(),
        "+ controller/rack-1/route/10.99.0.0/16@main/100".to_owned(),
    ];
    assert_eq!(unlike(&status), (expected.to_vec(), Vec::new()));
    let plan = lab.run(&["plan"]);
    assert!(
        plan.out.contains("drift (changed outside Bedplate"),
        "{}",
        plan.out
    );
    lab.applied();
    assert_eq!(lab.status()["drift"], Value::Array(Vec::new()));
}

/// Shuts a socket of the daemon down from outside, through a duplicate of its descriptor.
fn kill_listener(lab: &Lab, _daemon: &Running, what: &str, port: u16) {
    const SCRIPT: &str = r"
import ctypes, os, socket, sys
port, state = int(sys.argv[1]), sys.argv[2]
libc = ctypes.CDLL(None, use_errno=True)
for pid in filter(str.isdigit, os.listdir('/proc')):
    try:
        if state.encode() not in open(f'/proc/{pid}/cmdline', 'rb').read():
            continue
        pidfd = os.pidfd_open(int(pid))
        for fd in os.listdir(f'/proc/{pid}/fd'):
            copy = libc.syscall(438, pidfd, int(fd), 0)
            if copy < 0:
                continue
            try:
                one = socket.socket(fileno=copy)
                if one.family == socket.AF_INET and one.getsockname()[1] == port:
                    print('shut')
                    one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
    except OSError:
        pass
";
    let state = lab.path("state").display().to_string();
    let output = lab
        .host
        .output("python3", &["-c", SCRIPT, &port.to_string(), &state]);
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("shut"),
        "no {what} listener was found: {:?}",
        Said::of(&output)
    );
}

#[test]
fn every_listener_that_others_shut_down_comes_back_by_itself() {
    let lab = Lab::new();
    let daemon = lab.serve();
    lab.applied();
    for (name, port) in [("dhcp", 67), ("dns", 53), ("tftp", 69), ("http", 80)] {
        kill_listener(&lab, &daemon, name, port);
    }
    lab.settled();
    let ended = lab.status()["ended"].to_string();
    for name in ["dhcp", "dns", "tftp", "http"] {
        let key = format!("controller/rack-1/listener/{name}/10.70.0.2");
        assert!(ended.contains(&key), "{ended}");
    }
    lab.serves();
}

#[test]
fn a_port_that_vanishes_is_waited_for_and_taken_back() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    lab.host.ip("link del port2");
    let waiting = "controller/rack-1/link/port2: the host has no such link".to_owned();
    assert_eq!(lab.unlike(), (Vec::new(), vec![waiting]));
    lab.serves();
    // Nobody asked for it to be put back when it comes …
    lab.host.veth("port2", &lab.machines[1], "eth0");
    let back = "= controller/rack-1/link/port2".to_owned();
    assert_eq!(lab.unlike(), (vec![back], Vec::new()));
    // … until an apply had to leave it waiting.
    lab.host.ip("link del port2");
    let said = lab.apply();
    assert_eq!(
        (said.code, said.out.contains("wait")),
        (4, true),
        "{said:?}"
    );
    lab.host.veth("port2", &lab.machines[1], "eth0");
    lab.settled();
    let last = &lab.history()[0];
    assert_eq!(
        (&last["who"]["name"], &last["by_itself"]),
        (&"link".into(), &true.into())
    );
    assert!(udhcpc(&lab.machines[1], &lab.folder).contains("ip=10.70.1."));
}

#[test]
fn a_bridge_that_vanishes_under_its_servers_is_made_again() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    lab.serves();
    lab.host.ip("link del br0");
    let (drift, waiting) = lab.unlike();
    assert!(
        drift.contains(&"+ controller/rack-1/link/br0".to_owned()),
        "{drift:?}"
    );
    assert_eq!(waiting, Vec::<String>::new());
    lab.applied();
    assert_eq!(lab.unlike(), Default::default());
    lab.serves();
}
