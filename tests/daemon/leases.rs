//! What the daemon tells of leases, and how they are ended by hand.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::lab::{Lab, Said, udhcpc, with_routes};
use crate::shim::Shim;

#[test]
fn leases_are_told_while_an_apply_is_under_way() {
    let lab = Lab::new();
    let shim = Shim::new(&lab);
    let _daemon = shim.serve();
    lab.applied();
    udhcpc(&lab.machines[1], &lab.folder);
    let before = lab.json(&["leases"]);
    assert_eq!(before.as_array().unwrap().len(), 1, "{before}");
    lab.write(&with_routes(8));
    shim.stop_at(4);
    let mut command = lab.command("site", &["--json", "apply", "--yes"]);
    let mut apply = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(apply.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("started"));
    // Whoever waited for the apply to end would wait for ever.
    let socket = lab.path("socket").display().to_string();
    let words = [
        "30",
        env!("CARGO_BIN_EXE_bedplate"),
        "--json",
        "--socket",
        &socket,
        "leases",
    ];
    let said = Said::of(&lab.host.output("timeout", &words));
    let during: Value =
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!(during, before);
    assert!(lab.status()["under_way"].is_object(), "it is still running");
    shim.kill_at(0);
    assert!(lines.last().unwrap().unwrap().contains("\"done\""));
    assert!(apply.wait().unwrap().success());
}
