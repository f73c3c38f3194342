//! `power` of machines as the site says it: planned, applied, verified and taken back through BMCs that are not ours.

use std::fs;
use std::time::Instant;

use serde_json::Value;

use crate::bmc::{ADDRESS, beside, check};
use crate::certificates::Authority;
use crate::counterpart::{Bmc, PASSWORD, Setup, USER};
use crate::emulator::{self, Emulator};
use crate::lab::{Lab, PATIENCE, SITE};
use crate::pool::{address, racked, serving};
use crate::shim::hurried;
use crate::support::rack::Manner;

/// Where no BMC is.
pub(crate) const NOWHERE: &str = "10.71.0.99";

/// A lab with a BMC behind a cable of its own, and the file that keeps its password.
pub(crate) fn wired() -> (Lab, Bmc) {
    let lab = Lab::new();
    let place = beside(&lab);
    let setup = Setup {
        address: ADDRESS,
        ..Setup::default()
    };
    let bmc = Bmc::sim_in(place, setup);
    fs::write(lab.path("password"), PASSWORD).unwrap();
    (lab, bmc)
}

/// The lab's site with machines: name, where the BMC is, and what is said of the power.
fn with(lab: &Lab, machines: &[(&str, &str, &str)]) {
    let password = lab.path("password").display().to_string();
    let machine = |(name, address, power): &(&str, &str, &str)| {
        format!(
            r#"machine "{name}" {{ bmc "ipmi" address="{address}" username="{USER}" password=(file)"{password}" {{ cipher-suite 3 }}; {power} }}{}"#,
            "\n"
        )
    };
    let machines: String = machines.iter().map(machine).collect();
    lab.write(&(SITE.to_owned() + &machines));
}

fn power(bmc: &Bmc) -> String {
    let power = fs::read_to_string(bmc.file("power")).unwrap_or_default();
    power.trim().to_owned()
}

/// All that the chassis was asked for.
fn asked(bmc: &Bmc) -> String {
    fs::read_to_string(bmc.file("done")).unwrap_or_default()
}

/// All things of a status, however they are.
fn sum(status: &Value) -> u64 {
    let counts = ["in_place", "drifted", "withheld", "omitted", "unasked"];
    let counts = counts.iter();
    counts.map(|count| status[count].as_u64().unwrap()).sum()
}

#[test]
fn declared_power_is_brought_about_and_one_silent_bmc_keeps_nobody() {
    let (lab, bmc) = wired();
    // Nobody asks but who plans and applies.
    let _daemon = hurried(&lab, 4, &["--poll-bmcs", "off"]);
    let both = |power| [("node-02", ADDRESS, power), ("node-03", NOWHERE, power)];
    with(&lab, &both("power \"on\""));
    let deferred = "deferred: its BMC at 10.71.0.99 does not answer";
    check(
        &lab,
        "plan",
        0,
        &["power node-02", "state  off -> on", deferred],
    );
    assert_eq!(power(&bmc), "", "a plan switched it");
    check(
        &lab,
        "apply --yes",
        4,
        &["ok    ~ machine/node-02/power", "1 thing waits"],
    );
    assert_eq!(power(&bmc), "1");
    lab.serves();
    let left = "left out: machine/node-03/power: the last apply could not see to it";
    // What is counted is what is listed, and as much as the plan has.
    let counted = " 0 drifted, 0 waiting, 1 left out, 1 of machines not asked about, ";
    let said = check(&lab, "status", 4, &[counted, left]);
    let (status, plan) = (lab.status(), lab.json(&["plan"]));
    assert_eq!(sum(&status), plan["unchanged"].as_u64().unwrap() + 1);
    assert!(!said.out.contains("machine/node-02"), "{said:?}");
    check(&lab, "plan --exit-code", 0, &["nothing to do", deferred]);
    check(&lab, "apply --yes", 4, &["Nothing to do. 1 thing waits"]);

    // The steady look leaves BMCs alone, and so does a start.
    let before = asked(&bmc);
    let status = lab.status();
    assert_eq!(status["drift"].as_array().unwrap().len(), 0, "{status:#}");
    assert_eq!(status["waiting"].as_array().unwrap().len(), 0, "{status:#}");
    assert_eq!(asked(&bmc), before);

    // Turning off wants leave, and asks the system first.
    with(&lab, &both("power \"off\""));
    let hazard = "HAZARD power-cycle  node-02 runs, and is turned off";
    check(&lab, "plan", 0, &[hazard]);
    check(&lab, "apply --yes", 3, &["power-cycle"]);
    assert_eq!(power(&bmc), "1");
    let allow = "apply --yes --allow power-cycle";
    check(&lab, allow, 4, &["machine/node-02/power"]);
    assert_eq!(power(&bmc), "0");
    assert!(asked(&bmc).contains("set shutdown 1"), "{}", asked(&bmc));

    // Minded no more: neither asked nor touched.
    with(&lab, &both("power \"unmanaged\""));
    let before = asked(&bmc);
    lab.applied();
    assert_eq!(asked(&bmc), before);
    check(&lab, "status", 0, &["0 drifted"]);
}

#[test]
fn a_machine_that_somebody_else_switched_is_drift_and_put_back() {
    let (lab, bmc) = wired();
    let _daemon = lab.serve();
    with(&lab, &[("node-02", ADDRESS, "power \"on\"")]);
    lab.applied();
    bmc.ipmitool("chassis power off");
    let end = Instant::now() + PATIENCE;
    let seen = loop {
        check(&lab, "power status node-02", 0, &["node-02  off"]);
        let status = lab.status();
        match status["powers"].as_array() {
            Some(powers) => break powers.clone(),
            // Heard in the second in which the apply ended.
            None => assert!(Instant::now() < end, "{status:#}"),
        }
    };
    assert_eq!(
        (seen.len(), &seen[0]["wanted"], &seen[0]["is"]),
        (1, &"on".into(), &"off".into())
    );
    let told = "drift: ~ machine/node-02/power  state on -> off";
    let counted = " 1 drifted, 0 waiting, 0 leases\n";
    check(&lab, "status", 4, &[counted, told, "bedplate apply"]);
    check(
        &lab,
        "plan",
        0,
        &["changed outside Bedplate", "state  off -> on"],
    );
    check(&lab, "apply --yes", 0, &["machine/node-02/power"]);
    assert_eq!(power(&bmc), "1");
    assert!(
        lab.status()["powers"].is_null(),
        "that was before the apply"
    );
}

#[test]
fn what_a_bmc_does_not_do_is_told_and_all_else_is_done() {
    let (lab, bmc) = wired();
    let _daemon = hurried(&lab, 4, &[]);
    with(&lab, &[("node-02", ADDRESS, "power \"on\"")]);
    let saved = lab.path("saved.plan").display().to_string();
    check(&lab, &format!("plan --out {saved}"), 0, &["power node-02"]);
    // One try, and no more for the same plan.
    fs::write(lab.path("password"), "another").unwrap();
    let told = [
        "FAIL  machine/node-02/power",
        "error[D062]",
        "Not as the site says",
    ];
    check(&lab, &format!("apply --yes {saved}"), 4, &told);
    lab.serves();
    let refused = "deferred: its BMC at 10.71.0.21 does not let us in";
    check(&lab, "plan", 0, &[refused]);
    fs::remove_file(lab.path("password")).unwrap();
    let unread = "its BMC at 10.71.0.21 was not asked: (file)";
    let todo = "(os error 2); put it there on this controller, where the daemon can read it";
    check(
        &lab,
        "plan",
        0,
        &[unread, "No such file", todo, "site.kdl:"],
    );
    fs::write(lab.path("password"), PASSWORD).unwrap();
    check(&lab, &format!("plan --out {saved}"), 0, &["power node-02"]);
    fs::remove_file(lab.path("password")).unwrap();
    let failed = [
        "error[D065]: the machine is not as it should be: what the BMC at 10.71.0.21 is asked with is not there: (file)",
        "        help: put it there on this controller, where the daemon can read it\n",
    ];
    check(&lab, &format!("apply --yes {saved}"), 4, &failed);
    fs::write(lab.path("password"), PASSWORD).unwrap();
    // What was never brought about is nobody's drift.
    check(&lab, "plan", 0, &["(now in the site)", "state  off -> on"]);
    check(&lab, &format!("plan --out {saved}"), 0, &[]);
    bmc.place.ip(&format!("address del {ADDRESS}/16 dev eth0"));
    check(&lab, &format!("apply --yes {saved}"), 4, &["error[D061]"]);
    let log = fs::read_to_string(lab.path("log")).unwrap();
    assert!(!log.contains(PASSWORD), "{log}");
}

#[test]
fn an_apply_that_goes_back_turns_on_what_it_turned_off() {
    let (lab, bmc) = wired();
    let _daemon = lab.serve();
    let node = |power| [("node-02", ADDRESS, power)];
    with(&lab, &node("power \"on\""));
    check(&lab, "apply --yes --confirm-within 1h", 0, &["confirm"]);
    assert_eq!(power(&bmc), "1");
    // It may be at work: nobody agreed to have it stopped.
    check(
        &lab,
        "rollback --yes",
        4,
        &["1 things are not as they were"],
    );
    assert_eq!(power(&bmc), "1");
    with(&lab, &node("power \"off\""));
    let off = "apply --yes --allow power-cycle --confirm-within 1h";
    check(&lab, off, 0, &["confirm"]);
    assert_eq!(power(&bmc), "0");
    check(&lab, "rollback --yes", 0, &[]);
    assert_eq!(power(&bmc), "1");
}

#[test]
fn redfish_is_switched_once_it_is_trusted() {
    let lab = Lab::new();
    let authority = Authority::new();
    let certificate = authority.self_signed("bmc", "CA:FALSE", "DNS:bmc");
    let place = beside(&lab);
    let mut emulator = place.run(|| Emulator::start(ADDRESS, &certificate, "sessions"));
    fs::write(lab.path("password"), "wrong").unwrap();
    let (port, password) = (emulator.port(), lab.path("password"));
    let pinned = authority.fingerprint("bmc").to_string();
    let site = |trust: &str, power: &str| {
        format!(
            "{SITE}machine \"node-02\" {{ bmc \"redfish\" address=\"{ADDRESS}\" port={port} username=\"{}\" password=(file){password:?} {{ {trust} }}; power \"{power}\" }}\n",
            emulator::USER
        )
    };
    let trust = format!("fingerprint \"{pinned}\"");
    let _daemon = lab.serve();
    lab.write(&site("", "on"));
    let unknown = "deferred: its BMC at 10.71.0.21 is not known to be who it should be";
    let trust_it = "`bedplate bmc trust node-02` shows its certificate";
    let first = format!("; once this is applied, {trust_it}");
    check(&lab, "plan", 0, &[unknown, &first]);
    check(&lab, "apply --yes", 4, &["1 thing waits"]);
    check(&lab, "plan", 0, &[unknown, &format!("; {trust_it}")]);
    lab.write(&site(&trust, "on"));
    let before = emulator.told()["refused"].as_u64().unwrap();
    check(&lab, "apply --yes", 4, &["1 thing waits"]);
    let after = emulator.told()["refused"].as_u64().unwrap();
    assert_eq!(after - before, 1, "a refused password was tried again");
    fs::write(&password, emulator::PASSWORD).unwrap();
    check(&lab, "apply --yes", 0, &["machine/node-02/power"]);
    check(&lab, "power status node-02", 0, &["node-02  on"]);
    // What comes first at every boot.
    let ordered = |device: &str| {
        let site = site(&trust, "on");
        site.replace("; power", &format!("; boot-order \"{device}\"; power"))
    };
    lab.write(&ordered("network"));
    check(&lab, "plan", 0, &["boot-order node-02", "-> network"]);
    lab.applied();
    lab.write(&ordered("disk"));
    check(
        &lab,
        "plan",
        0,
        &["first  network -> disk", "changed in the site"],
    );
    check(
        &lab,
        "apply --yes --confirm-within 1h",
        0,
        &["machine/node-02/boot-order"],
    );
    check(&lab, "rollback --yes", 0, &["everything is as it was"]);
    check(&lab, "plan", 0, &["first  network -> disk"]);
    lab.write(&site(&trust, "off"));
    check(&lab, "apply --yes --allow power-cycle", 0, &[]);
    check(&lab, "power status node-02", 0, &["node-02  off"]);
    lab.applied();
    let open = emulator.told()["open"].as_u64().unwrap();
    assert!(open <= 1, "{open} sessions are open");
}

#[test]
fn a_boot_order_is_set_over_ipmi() {
    let lab = Lab::new();
    let bmc = Bmc::pyghmi_in(beside(&lab), ADDRESS, &[]);
    fs::write(lab.path("password"), PASSWORD).unwrap();
    let _daemon = lab.serve();
    let seen = |words: &[&str]| {
        let seen = bmc.ipmitool("chassis bootparam get 5");
        for word in words {
            assert!(seen.contains(word), "no `{word}` in {seen}");
        }
    };
    with(&lab, &[("node-02", ADDRESS, "boot-order \"network\"")]);
    lab.applied();
    seen(&["Force PXE", "EFI boot", "all future boots"]);
    // One for the next boot alone says nothing of the others; a lasting one of somebody else's is drift.
    for options in ["options=efiboot", "options=persistent,efiboot"] {
        bmc.ipmitool(&format!("chassis bootdev disk {options}"));
        check(&lab, "plan", 0, &["boot-order node-02", "-> network"]);
    }
    check(&lab, "apply --yes", 0, &["machine/node-02/boot-order"]);
    seen(&["Force PXE", "EFI boot", "all future boots"]);
    with(
        &lab,
        &[("node-02", ADDRESS, "boot-order \"network\" mode=\"bios\"")],
    );
    check(&lab, "plan", 0, &["mode  efi -> bios"]);
    lab.applied();
    seen(&["Force PXE", "legacy", "all future boots"]);
}

#[test]
fn a_boot_order_that_somebody_else_changed_is_drift() {
    let lab = Lab::new();
    let bmc = Bmc::pyghmi_in(beside(&lab), ADDRESS, &[]);
    fs::write(lab.path("password"), PASSWORD).unwrap();
    let _daemon = serving(&lab, "1s");
    with(&lab, &[("node-02", ADDRESS, "boot-order \"network\"")]);
    lab.applied();
    let drift = |status: &Value| status["boot_orders"][0].clone();
    bmc.ipmitool("chassis bootdev disk options=persistent,efiboot");
    let status = lab.until("a boot order that drifted", |status| {
        !drift(status).is_null()
    });
    assert_eq!(drift(&status)["machine"], "node-02");
    let told = "drift: ~ machine/node-02/boot-order  first network -> disk, seen 20";
    check(&lab, "status", 4, &[told, "bedplate apply"]);
    // One for the next boot alone says nothing of those after it: then none lasts.
    bmc.ipmitool("chassis bootdev pxe options=efiboot");
    lab.until("none that lasts", |status| {
        drift(status)["changes"][0]["to"] == "firmware"
    });
    bmc.ipmitool("chassis bootdev pxe options=persistent,efiboot");
    lab.until("back by itself", |status| drift(status).is_null());
    // What a command saw counts too.
    bmc.ipmitool("chassis bootdev disk options=persistent,efiboot");
    check(&lab, "bmc boot status node-02", 0, &["disk"]);
    check(&lab, "status", 4, &[told]);
    check(&lab, "apply --yes", 0, &["machine/node-02/boot-order"]);
    let said = check(&lab, "status", 0, &[]);
    assert!(!said.out.contains("boot-order"), "{said:?}");
    // Minded no more.
    with(&lab, &[("node-02", ADDRESS, "")]);
    lab.applied();
    bmc.ipmitool("chassis bootdev disk options=persistent,efiboot");
    check(&lab, "bmc boot status node-02", 0, &["disk"]);
    check(&lab, "status", 0, &[]);
}

/// The rack's site, all of whose machines are to run.
pub(crate) fn all_on(lab: &Lab) {
    let file = lab.path("site/site.kdl");
    let site = fs::read_to_string(&file).unwrap();
    let lines = site.lines();
    let lines = lines.map(|line| match line.starts_with("machine \"bmc-") {
        true => line.replace(" }", "; power \"on\" }"),
        false => line.to_owned(),
    });
    fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
}

/// The last word of an apply.
fn report(lab: &Lab, code: i32) -> Value {
    let said = lab.run(&["--json", "apply", "--yes"]);
    assert_eq!(said.code, code, "{}", said.err);
    serde_json::from_str(said.out.lines().last().unwrap()).unwrap()
}

/// A rack at once, some BMCs of which hang: they hold up neither each other nor anybody else.
#[test]
fn a_rack_is_switched_by_one_apply() {
    const ALL: usize = 300;
    let (lab, rack, _place) = racked(ALL);
    let hangs = |number: usize| number % 20 == 7;
    let hanging: Vec<usize> = (0..ALL).filter(|number| hangs(*number)).collect();
    for number in &hanging {
        rack.set(&address(*number), |bmc| bmc.manner = Manner::Hangs);
    }
    all_on(&lab);
    let _daemon = hurried(&lab, 4, &[]);
    let report = report(&lab, 4);
    let count = |name: &str| report[name].as_array().map_or(0, Vec::len);
    assert_eq!((count("waiting"), count("failed")), (hanging.len(), 0));
    for number in 0..ALL {
        let bmc = rack.bmc(&address(number));
        assert_eq!(bmc.is_on, !hangs(number), "{number}");
        assert!(bmc.most <= 1, "{number}: {bmc:?}");
    }
}

/// Each fault that a BMC may have: what waits for it, what is told of it, and whether the machine runs. All at once, and one without.
#[test]
fn each_fault_of_a_bmc_is_its_own() {
    let faults = [
        (Manner::Fine, "", "", true),
        (Manner::Loses, "", "", true),
        (Manner::Hangs, "does not answer", "", false),
        (Manner::HangsInside, "does not answer", "", false),
        (Manner::Garbles, "does not tell", "", false),
        (Manner::Lies, "", "told to be on, and is off", false),
        // Whose password is another one.
        (Manner::Fine, "does not let us in", "", false),
    ];
    let (lab, rack, _place) = racked(faults.len());
    for (number, (manner, waits, ..)) in faults.iter().enumerate() {
        let is_locked = waits.contains("let us in");
        rack.set(&address(number), |bmc| {
            bmc.manner = *manner;
            bmc.password = is_locked.then_some("another");
        });
    }
    all_on(&lab);
    let _daemon = hurried(&lab, 8, &[]);
    let report = report(&lab, 4);
    let shown = lab.run(&["plan"]).out;
    for (number, (manner, waits, fails, runs)) in faults.iter().enumerate() {
        let key = format!("machine/bmc-{number:03}/power");
        let of = |name: &str| {
            let all = report[name].as_array().map_or(&[][..], Vec::as_slice);
            all.iter().find(|one| one["key"] == key.as_str()).cloned()
        };
        assert_eq!(
            of("waiting").is_some(),
            !waits.is_empty(),
            "{manner:?}: {report:#}"
        );
        let failed = of("failed").map_or_else(String::new, |one| one["causes"].to_string());
        assert!(
            failed.contains(fails) && failed.is_empty() == fails.is_empty(),
            "{manner:?}: {failed}"
        );
        let line = shown.lines().find(|line| line.contains(&key));
        assert!(
            line.unwrap_or_default().contains(waits),
            "{manner:?}: {shown}"
        );
        assert_eq!(rack.bmc(&address(number)).is_on, *runs, "{manner:?}");
    }
    let locked = rack.bmc(&address(faults.len() - 1));
    assert_eq!(locked.tries, 1, "whatever is planned");
}
