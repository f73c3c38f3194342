//! Who waits for the daemon is told what it does, and of which machines something is awaited.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::bmc::check;
use crate::console::Person;
use crate::lab::{Lab, Said};
use crate::pool::{FIRST, address, racked, serving};
use crate::support::rack::Manner;

fn spawned(lab: &Lab, arguments: &[&str]) -> Child {
    let mut command = lab.command("site", arguments);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn interrupt(process: u32) {
    let process = Pid::from_raw(process.try_into().unwrap());
    kill(process, Signal::SIGINT).unwrap();
}

#[test]
fn ctrl_c_ends_who_waits_and_says_what_goes_on() {
    let (lab, rack, _place) = racked(1);
    let file = lab.path("site/site.kdl");
    let site = fs::read_to_string(&file).unwrap();
    lab.write(&site.replace("{ bmc", "{ power \"on\"; bmc"));
    let _daemon = serving(&lab, "off");
    // At the question, which no daemon is asked for.
    let mut person = Person::runs(lab.command("site", &["apply"]));
    person.seen.until("Apply this plan? [y/N]");
    interrupt(person.child.id());
    person.seen.until("Nothing was applied.");
    assert_eq!(person.ended(), Some(130));
    rack.set(FIRST, |bmc| bmc.manner = Manner::Hangs);
    rack.restart(FIRST);
    for (arguments, words) in [
        (&["plan"][..], "Nothing is changed; "),
        (&["apply", "--yes"], "Nothing is applied by this command; "),
        (&["status"], "Nothing is changed."),
    ] {
        let mut client = spawned(&lab, arguments);
        let mut lines = BufReader::new(client.stderr.take().unwrap()).lines();
        let waits = lines.find(|line| line.as_ref().unwrap().starts_with("  bmc-000 since "));
        assert!(waits.is_some(), "{arguments:?}");
        interrupt(client.id());
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        assert_eq!(client.wait().unwrap().code(), Some(130), "{rest:?}");
        assert!(rest.len() == 1 && rest[0].starts_with(words), "{rest:?}");
    }
    lab.until("nothing was applied", |status| status["site"].is_null());
}

#[test]
fn whoever_waits_is_told_for_what() {
    let (lab, rack, _place) = racked(2);
    let file = lab.path("site/site.kdl");
    let site = fs::read_to_string(&file).unwrap();
    let power = |site: &str, number: usize, power: &str| {
        let name = format!("machine \"bmc-{number:03}\" {{");
        site.replace(&name, &format!("{name} power {power:?};"))
    };
    lab.write(&power(&site, 0, "off"));
    // Its system does not hear that it should stop.
    rack.set(FIRST, |bmc| {
        (bmc.is_on, bmc.manner) = (true, Manner::Lies);
    });
    let _daemon = serving(&lab, "off");
    let apply = spawned(&lab, &["apply", "--yes", "--allow", "power-cycle"]);
    let status = lab.until("a machine is being switched", |status| {
        status["awaited"][0]["until"] == json!({"power": "soft-off"})
    });
    assert_eq!(status["awaiting"], 1);
    assert_eq!(status["awaited"][0]["machine"], "bmc-000");
    assert!(status["awaited"][0]["since"].is_u64(), "{status:#}");
    let told = [
        "applying ",
        "waiting for bmc-000 since ",
        "its system stops",
    ];
    check(&lab, "status", 4, &told);
    let mut plan = spawned(&lab, &["plan"]);
    let mut said = BufReader::new(plan.stderr.take().unwrap());
    let mut lines = [String::new(), String::new()];
    for line in &mut lines {
        said.read_line(line).unwrap();
    }
    assert!(
        lines[0].starts_with("waiting for the daemon: it applies "),
        "{lines:?}"
    );
    assert!(lines[1].starts_with("  bmc-000 since "), "{lines:?}");
    rack.set(FIRST, |bmc| bmc.is_on = false);
    let said = Said::of(&apply.wait_with_output().unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("  bmc-000 since "), "{said:?}");
    let said = Said::of(&plan.wait_with_output().unwrap());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(lab.status()["awaited"].is_null());

    // A plan that waits for a BMC says so too.
    lab.write(&power(&site, 1, "on"));
    rack.set(&address(1), |bmc| bmc.manner = Manner::Hangs);
    let told = ["it plans for ", "  bmc-001 since ", "tells how it is"];
    check(&lab, "plan", 0, &told);
}
