//! Hooks: programs that the site names hear of leases, and of nothing else.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::client::Relay;
use crate::lab::{Lab, PATIENCE, SITE};
use crate::shim::hurried;
use crate::support::sandbox::Running;

fn script(lab: &Lab, name: &str, text: &str) -> String {
    let path = lab.path(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// A client's new lease.
fn lease(lab: &Lab, client: u16) -> Ipv4Addr {
    Relay::with(lab, PATIENCE, |relay| {
        let address = relay.discover(client).unwrap();
        relay.request(client, address).unwrap()
    })
}

/// Waits for a file that a hook writes whole.
fn written(lab: &Lab, name: &str) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        match fs::read_to_string(lab.path(name)) {
            Ok(text) => return text,
            Err(_) => assert!(Instant::now() < end, "{name} was never written"),
        }
        std::thread::yield_now();
    }
}

#[test]
fn programs_hear_of_leases_and_the_status_says_how_they_do() {
    let lab = Lab::new();
    let told = lab.path("told").display().to_string();
    let tells = script(
        &lab,
        "tells",
        &format!(
            "read event; echo \"$1 $BEDPLATE_HOOK $BEDPLATE_ADDRESS $event\" > {told}.part; mv {told}.part {told}"
        ),
    );
    let fails = script(&lab, "fails", "echo 'the inventory is down' >&2; exit 7");
    let hangs = script(
        &lab,
        "hangs",
        &format!("sleep 600 & echo $! > {told}.pid.part; mv {told}.pid.part {told}.pid; wait"),
    );
    let hooks = format!(
        "hook \"tells\" {{ on \"commit\" \"expiry\"; run {tells:?} \"a $b\" }}
        hook \"fails\" {{ on \"commit\"; run {fails:?} }}
        hook \"hangs\" {{ on \"commit\"; run {hangs:?}; within \"2s\" }}
        hook \"idle\" {{ on \"decline\"; run {fails:?} }}"
    );
    lab.write(&format!("{SITE}{hooks}"));
    let _daemon = lab.serve();
    let plan = lab.run(&["plan"]).out;
    assert!(plan.contains("hook tells"), "{plan}");
    lab.applied();
    let began = Instant::now();
    let address = lease(&lab, 1);
    assert!(began.elapsed() < PATIENCE, "nobody waits for a hook");
    let line = written(&lab, "told");
    let json = line
        .strip_prefix(&format!("a $b tells {address} "))
        .unwrap();
    let event: Value = serde_json::from_str(json).unwrap();
    let kept = lab.run(&["--json", "events"]).out;
    let kept: Value = serde_json::from_str(kept.lines().next().unwrap()).unwrap();
    assert_eq!(event, kept, "as `bedplate events` tells it");
    let status = lab.until("every hook has ended", |status| {
        let done = |name: &str| status["hooks"][name]["waiting"] == 0;
        done("tells") && done("fails") && done("hangs")
    });
    let counts = |name: &str| {
        let tally = &status["hooks"][name];
        ["delivered", "failed", "dropped"].map(|count| tally[count].as_u64().unwrap())
    };
    assert_eq!(counts("tells"), [1, 0, 0]);
    assert_eq!((counts("fails"), counts("hangs")), ([0, 1, 0], [0, 1, 0]));
    assert_eq!(counts("idle"), [0, 0, 0]);
    let words = lab.run(&["status"]).out;
    for word in [
        "hook tells: 1 delivered, 0 failed, 0 dropped, 0 waiting\n",
        "exit status: 7: the inventory is down",
        "it was killed after 2s",
    ] {
        assert!(words.contains(word), "{word}: {words}");
    }
    // What it had started is gone with it.
    let pid = written(&lab, "told.pid");
    let end = Instant::now() + PATIENCE;
    let state = || fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    while state().is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(Instant::now() < end, "{pid} still runs");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whoever asks is answered while a program runs that will not end.
#[test]
fn no_answer_waits_for_a_hook() {
    let lab = Lab::new();
    let pid = lab.path("pid").display().to_string();
    let hangs = script(
        &lab,
        "hangs",
        &format!("echo $$ > {pid}.part; mv {pid}.part {pid}; exec sleep 600"),
    );
    lab.write(&format!(
        "{SITE}hook \"hangs\" {{ on \"commit\" \"renew\"; run {hangs:?}; within \"10m\" }}"
    ));
    let _daemon = lab.serve();
    lab.applied();
    let lease = |client| {
        Relay::with(&lab, PATIENCE, |relay| {
            let address = relay.discover(client).unwrap();
            relay.request(client, address).unwrap();
            relay.request_for(100, client, address).unwrap();
        });
    };
    lease(1);
    let pid = written(&lab, "pid");
    let pid = Pid::from_raw(pid.trim().parse().unwrap());
    (2..20).for_each(lease);
    lab.until("the others wait", |status| {
        status["hooks"]["hangs"]["waiting"].as_u64() == Some(38)
    });
    kill(pid, Signal::SIGKILL).expect("it runs");
}

/// What no lease gets further than is told in the order in which it happens, to programs as to those who read the stream.
#[test]
fn programs_hear_how_leases_end_and_who_gets_none() {
    let lab = Lab::new();
    let told = lab.path("told").display().to_string();
    let tells = script(
        &lab,
        "tells",
        &format!("read event; echo \"$event\" >> {told}"),
    );
    let kinds = "on \"commit\" \"exhaustion\" \"expiry\" \"decline\"";
    let hook = format!("hook \"tells\" {{ {kinds}; run {tells:?} }}");
    let one = SITE.replace("10.70.1.99", "10.70.1.0");
    lab.write(&format!("{one}{hook}"));
    let _daemon = hurried(&lab, 60, &[]);
    lab.applied();
    let mut command = lab.command("site", &["--json", "events", "--follow"]);
    let mut follow = Running::start(command.stdout(Stdio::piped()));
    let lines = BufReader::new(follow.child().stdout.take().unwrap()).lines();
    let read = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    // How full the range is, it tells too.
    let mut stream = read.filter(|event| event["event"] != "threshold");
    let mut events = Vec::new();
    let mut hear = |kind: &str, client: u8| {
        let event = stream.next().unwrap();
        let hardware = format!("02:ee:00:00:00:{client:02x}");
        assert_eq!(
            (&event["event"], &event["hardware"]),
            (&kind.into(), &hardware.into())
        );
        events.push(event);
    };
    let lease = |client| lease(&lab, client);
    let address = lease(1);
    hear("commit", 1);
    Relay::with(&lab, PATIENCE, |relay| relay.send(2));
    hear("exhaustion", 2);
    hear("expiry", 1);
    assert_eq!(lease(2), address);
    hear("commit", 2);
    Relay::with(&lab, PATIENCE, |relay| relay.decline(2, address));
    hear("decline", 2);
    lab.until("the hook has heard of all", |status| {
        status["hooks"]["tells"]["delivered"].as_u64() == Some(5)
    });
    let told = fs::read_to_string(told).unwrap();
    let told: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(told, events);
}

/// What happened before there was any hook is not for one that comes later, and counts as nothing that it lost.
#[test]
fn a_hook_hears_what_happens_from_its_apply_on() {
    let lab = Lab::new();
    let _daemon = lab.serve();
    lab.applied();
    let lease = |client| lease(&lab, client);
    lease(1);
    let told = lab.path("told").display().to_string();
    let tells = script(
        &lab,
        "tells",
        &format!("cat > {told}.part; mv {told}.part {told}"),
    );
    lab.write(&format!(
        "{SITE}hook \"late\" {{ on \"commit\"; run {tells:?} }}"
    ));
    lab.applied();
    let address = lease(2);
    let event: Value = serde_json::from_str(&written(&lab, "told")).unwrap();
    assert_eq!(event["address"], address.to_string());
    let status = lab.until("the hook has ended", |status| {
        status["hooks"]["late"]["waiting"] == 0
    });
    let tally = &status["hooks"]["late"];
    assert_eq!(
        (&tally["delivered"], &tally["dropped"]),
        (&1.into(), &0.into())
    );
}

/// A site without a hook has none in the daemon either, and what differs is drift like anything else.
#[test]
fn hooks_come_and_go_with_the_site() {
    let lab = Lab::new();
    let hook = "hook \"a\" { on \"commit\"; run \"/bin/true\" }";
    lab.write(&format!("{SITE}{hook}"));
    let daemon = lab.serve();
    lab.applied();
    assert!(lab.status()["hooks"]["a"].is_object());
    drop(daemon);
    let _daemon = lab.serve();
    assert!(lab.status()["hooks"]["a"].is_object(), "after a start");
    lab.write(&format!(
        "{SITE}{}",
        hook.replace("true\"", "false\" \"x\"")
    ));
    let plan = lab.run(&["plan"]).out;
    assert!(plan.contains("/bin/false \"x\""), "{plan}");
    lab.applied();
    lab.write(SITE);
    lab.applied();
    lab.until("no hook is left", |status| status["hooks"].is_null());
}

/// Whoever could put another program in its place would have that run as the daemon.
#[test]
fn a_program_that_others_can_change_is_not_run() {
    let lab = Lab::new();
    let ran = lab.path("ran").display().to_string();
    let open = script(&lab, "open", &format!("echo > {ran}"));
    let mode = |mode| fs::set_permissions(&open, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    lab.write(&format!(
        "{SITE}hook \"open\" {{ on \"commit\"; run {open:?} }}"
    ));
    let _daemon = lab.serve();
    lab.applied();
    let lease = |client| lease(&lab, client);
    let count = |what: &str, expected: u64| {
        lab.until(what, |status| {
            status["hooks"]["open"][what].as_u64() == Some(expected)
        });
    };
    lease(1);
    count("failed", 1);
    lease(2);
    count("failed", 2);
    assert!(fs::metadata(&ran).is_err(), "it was run");
    let told = format!("so that it is not run: chmod go-w {open}");
    let said = lab.run(&["status"]).out;
    assert!(said.contains(&told), "{said}");
    let logged = || {
        let log = fs::read_to_string(lab.path("log")).unwrap();
        log.matches(&told).count()
    };
    mode(0o755);
    lease(3);
    count("delivered", 1);
    assert_eq!(logged(), 1, "once, however many events there are");
    mode(0o777);
    lease(4);
    count("failed", 3);
    let end = Instant::now() + PATIENCE;
    while logged() < 2 {
        assert!(Instant::now() < end, "it is told anew once it ran between");
        std::thread::yield_now();
    }
}
