//! Webhooks: a receiver that speaks TLS hears of leases, signed, and only one whose certificate is right; nobody hears the key.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Command;

use serde_json::Value;

use crate::client::Relay;
use crate::lab::{Lab, PATIENCE, SITE};
use crate::support::sandbox::Running;

const KEY: &str = "hunter2-and-more";

/// Makes an authority, and a certificate of it for this host, with its key in one file.
fn certified(lab: &Lab, name: &str) {
    let make = |arguments: &str| {
        let mut openssl = Command::new("openssl");
        let made = openssl
            .current_dir(lab.folder.path())
            .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(' '))
            .args(arguments.split(' '))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    };
    make(&format!(
        "-subj /CN={name}-authority -keyout {name}-ca.key -out {name}-ca.pem"
    ));
    make(&format!(
        "-subj /CN={name} -CA {name}-ca.pem -CAkey {name}-ca.key -addext subjectAltName=IP:127.0.0.1 \
         -addext basicConstraints=critical,CA:FALSE -keyout {name}.key -out {name}.crt"
    ));
    let part = |end: &str| fs::read_to_string(lab.path(&format!("{name}.{end}"))).unwrap();
    fs::write(lab.path(&format!("{name}.pem")), part("key") + &part("crt")).unwrap();
}

/// A receiver with a certificate of its own authority; its URL.
fn receiver(lab: &Lab, name: &str, failures: &str) -> (Running, String) {
    certified(lab, name);
    let path = |end: &str| lab.path(&format!("{name}{end}")).display().to_string();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/daemon/receiver.py");
    let words = [script, &path(".pem"), &path(".told"), KEY, failures];
    let mut running = lab.host.spawn("python3", &words);
    let mut said = BufReader::new(running.child().stdout.take().unwrap());
    let mut port = String::new();
    said.read_line(&mut port).unwrap();
    let url = format!("https://127.0.0.1:{}/leases", port.trim());
    (running, url)
}

/// What a receiver wrote down.
fn told(lab: &Lab, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(lab.path(&format!("{name}.told"))).unwrap_or_default();
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_receiver_that_is_who_it_says_hears_of_leases() {
    let lab = Lab::new();
    let (_right, right) = receiver(&lab, "right", "2");
    let (_wrong, wrong) = receiver(&lab, "wrong", "0");
    let key = lab.path("key").display().to_string();
    fs::write(&key, format!("{KEY}\n")).unwrap();
    let webhook = |name: &str, url: &str, secret: &str| {
        format!("webhook {name:?} url={url:?} {{ on \"commit\"; secret {secret} }}\n")
    };
    let webhooks = [
        webhook("right", &right, &format!("(file){key:?}")),
        webhook("wrong", &wrong, "(env)\"LAB_KEY\""),
        webhook("absent", &right, "(env)\"LAB_NO_KEY\""),
    ];
    lab.write(&format!("{SITE}{}", webhooks.concat()));
    let mut daemon = lab.daemon(&[]);
    daemon
        .env("SSL_CERT_FILE", lab.path("right-ca.pem"))
        .env("LAB_KEY", KEY);
    let _daemon = lab.ready(daemon);
    let plan = lab.run(&["plan"]).out;
    let line = format!("webhook right   {right} on commit, signed with (file){key:?}, within 10s");
    assert!(plan.contains(&line), "{line}: {plan}");
    lab.applied();
    Relay::with(&lab, PATIENCE, |relay| {
        let address = relay.discover(1).unwrap();
        relay.request(1, address).unwrap();
    });
    let status = lab.until("the right one has taken it", |status| {
        let webhooks = &status["webhooks"];
        let is_told = |name: &str| webhooks[name]["last_error"].is_string();
        webhooks["right"]["delivered"] == 1 && is_told("wrong") && is_told("absent")
    });
    let counts = |name: &str| {
        let tally = &status["webhooks"][name];
        ["delivered", "failed", "dropped"].map(|count| tally[count].as_u64().unwrap())
    };
    assert_eq!((counts("right"), counts("wrong")), ([1, 0, 0], [0, 0, 0]));
    let error = |name: &str| status["webhooks"][name]["last_error"].as_str().unwrap();
    assert_eq!(error("right"), "it answered 500 Internal Server Error");
    let refused = "TLS failed: invalid peer certificate: UnknownIssuer";
    assert_eq!(error("wrong"), refused);
    assert_eq!(
        error("absent"),
        "its secret (env)\"LAB_NO_KEY\" cannot be read: the daemon's environment has no such variable"
    );
    tells(&lab);
    says_no_key(&lab);
}

/// Three times the same event under the same id, and nothing to whom nobody vouches for.
fn tells(lab: &Lab) {
    let heard = told(lab, "right");
    assert_eq!(heard.len(), 3);
    let kept = lab.run(&["--json", "events"]).out;
    let kept: Value = serde_json::from_str(kept.lines().next().unwrap()).unwrap();
    for one in &heard {
        assert_eq!(one["is-signed"], true);
        assert_eq!(one["path"], "/leases");
        assert_eq!(one["event"], kept, "as `bedplate events` tells it");
        assert_eq!(one["id"], heard[0]["id"]);
    }
    assert_eq!(told(lab, "wrong"), [] as [Value; 0]);
}

fn says_no_key(lab: &Lab) {
    let words = lab.run(&["status"]).out;
    let line =
        "  webhook right: 1 delivered, 0 failed, 0 dropped, 0 waiting, 2 retried; last failed ";
    assert!(words.contains(line), "{words}");
    let commands: [&[&str]; 6] = [
        &["--json", "status"],
        &["plan"],
        &["--json", "plan"],
        &["show", "site"],
        &["--json", "history"],
        &["graph"],
    ];
    let said = commands.map(|command| format!("{:?}", lab.run(command)));
    let log = fs::read_to_string(lab.path("log")).unwrap();
    assert!(log.contains("a webhook tries again"), "{log}");
    for text in said.iter().chain([&words, &log]) {
        assert!(!text.contains(KEY), "{text}");
    }
}

/// A site without a webhook has none in the daemon either, and one that is changed is told so in the plan.
#[test]
fn webhooks_come_and_go_with_the_site() {
    let lab = Lab::new();
    let webhook = "webhook \"a\" url=\"https://a.example/\" { on \"commit\"; secret (env)\"A\" }";
    lab.write(&format!("{SITE}{webhook}"));
    let daemon = lab.serve();
    lab.applied();
    assert!(lab.status()["webhooks"]["a"].is_object());
    drop(daemon);
    let _daemon = lab.serve();
    assert!(lab.status()["webhooks"]["a"].is_object(), "after a start");
    let other = webhook.replace("(env)\"A\"", "(credential)\"b\"");
    lab.write(&format!("{SITE}{other}"));
    let plan = lab.run(&["plan"]).out;
    assert!(plan.contains("(env)\"A\" -> (credential)\"b\""), "{plan}");
    lab.applied();
    lab.write(SITE);
    lab.applied();
    lab.until("no webhook is left", |status| status["webhooks"].is_null());
}
