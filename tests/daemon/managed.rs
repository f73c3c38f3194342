//! Links that another program manages are told of, with what has that program let go.

use std::fs;

use super::lab::{Lab, SITE};

/// Puts a folder in the place of `/run`, among processes of its own, of which the daemon is the first one.
const INSIDE: &str = "mount --bind \"$0\" /run && exec \"$@\"";

/// A file that another program keeps in its `/run`.
fn written(lab: &Lab, path: &str, text: &str) {
    let whole = lab.path("run").join(path);
    fs::create_dir_all(whole.parent().unwrap()).unwrap();
    fs::write(whole, text).unwrap();
}

#[test]
fn plans_and_status_name_the_program_and_what_to_do() {
    let lab = Lab::new();
    let index =
        |link: &str| lab.host.ip_json(&format!("link show dev {link}"))[0]["ifindex"].clone();
    let write = |path: &str, text: &str| written(&lab, path, text);
    write(
        &format!("systemd/netif/links/{}", index("port1")),
        "ADMIN_STATE=configured\nOPER_STATE=routable\n",
    );
    write(
        &format!("NetworkManager/devices/{}", index("port2")),
        "[device]\nmanaged=false\n",
    );
    let run = lab.path("run").display().to_string();
    let wrapper = [
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "sh",
        "-c",
        INSIDE,
        &run,
    ];
    let _daemon = lab.ready(lab.daemon(&wrapper));
    let warned = |text: &str, link: &str, by: &str, help: &str| {
        let line = format!("{by} manages controller/rack-1/link/{link} too");
        assert!(text.contains(&line) && text.contains(help), "{text}");
    };
    let plan = lab.run(&["plan"]).out;
    warned(
        &plan,
        "port1",
        "systemd-networkd",
        "/etc/systemd/network/00-bedplate-port1.network",
    );
    assert!(!plan.contains("NetworkManager"), "{plan}");
    lab.applied();
    let id = lab.json(&["plan"])["id"].clone();
    write(
        &format!("NetworkManager/devices/{}", index("port2")),
        "[device]\nmanaged=true\n",
    );
    write("network/ifstate", "lo=lo\nbr0=br0\nother=other\n");
    let status = lab.run(&["status"]);
    assert_eq!(status.code, 0, "a warning is no drift: {status:?}");
    warned(
        &status.out,
        "port2",
        "NetworkManager",
        "nmcli device set port2 managed no",
    );
    warned(&status.out, "br0", "ifupdown", "/run/network/ifstate");
    assert_eq!(lab.status()["warnings"].as_array().unwrap().len(), 3);
    assert_eq!(lab.json(&["plan"])["id"], id, "and makes no plan stale");
    lab.write(
        &SITE
            .replace("ethernet \"port2\"\n", "")
            .replace("\"port1\" \"port2\"", "\"port1\""),
    );
    assert_eq!(
        lab.json(&["plan"])["warnings"].as_array().unwrap().len(),
        2,
        "the site no longer names it"
    );
}
