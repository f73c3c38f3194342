//! What others do to a host between two steps of an apply: the step that meets it fails with the kernel's word, and all is as before.

use bedplate::apply::{Event, Outcome};
use serde_json::json;

use crate::lab::Lab;
use crate::support::guest;
use crate::support::normalise::same;

struct Fault {
    name: &'static str,
    /// What others do once the step of this key is done.
    after: &'static str,
    command: &'static str,
    /// Where the apply fails, and a part of why.
    at: &'static str,
    why: &'static str,
    /// Undoes what others did, for the comparison; none where it is gone with the rest.
    undo: Option<&'static str>,
}

const FAULTS: [Fault; 6] = [
    Fault {
        name: "a link goes before its address comes",
        after: "link/t10",
        command: "link delete t10",
        at: "address/10.10.0.2/24@t10",
        why: "this host has no link t10",
        undo: None,
    },
    Fault {
        name: "a bond goes before it has its ports",
        after: "link/bond0",
        command: "link delete bond0",
        at: "link/p0",
        why: "this host has no link bond0",
        undo: None,
    },
    Fault {
        name: "somebody else makes a link of the name",
        after: "link/bond0",
        command: "link add t10 type dummy",
        at: "link/t10",
        why: "somebody else made a link of this name",
        undo: Some("link delete t10"),
    },
    Fault {
        name: "somebody else tags the same id",
        after: "link/bond0",
        command: "link add link bond0 name other type vlan id 10",
        at: "link/t10",
        why: "somebody else made a link of this name, or with this tag",
        undo: None,
    },
    Fault {
        name: "a port is taken by what lets nobody else have it",
        after: "link/bond0",
        command: "link add link p2 name taken type macvlan mode passthru",
        at: "link/p2",
        why: "EBUSY",
        undo: Some("link delete taken"),
    },
    Fault {
        name: "somebody else makes the route",
        after: "address/10.10.0.2/24@t10",
        command: "route add 10.91.0.0/16 via 10.10.0.9",
        at: "route/10.91.0.0/16@main/0",
        why: "EEXIST",
        undo: None,
    },
];

const BLOCK: &str = r#"ethernet "p0"; ethernet "p1"; ethernet "p2"
    bond "bond0" mode="active-backup" { ports "p0" "p1" }
    tagged "t10" on="bond0" vlan="v10" { address "10.10.0.2" }
    bridge "br0" vlan="v20" { ports "p2"; address "10.20.0.2" }"#;

fn check(fault: &Fault) {
    let name = fault.name;
    // One of ours is there before, and stays.
    let mut lab = Lab::new();
    lab.apply(r#"ethernet "p4" vlan="u" { address "10.0.0.2" }"#);
    let block = format!("{BLOCK}\nethernet \"p4\" vlan=\"u\" {{ address \"10.0.0.2\" }}");
    let before = lab.snapshot();
    let (plan, obstacles) = lab.planned(&block);
    assert_eq!(obstacles, [""; 0], "{name}");
    let after = format!("controller/rack-1/{}", fault.after);
    let mut times = 0;
    let outcome = lab.run_telling(&plan, |event| {
        if let Event::Step { key, .. } = event
            && key.to_string() == after
        {
            lab.inside.ip(fault.command);
            times += 1;
        }
    });
    assert_eq!(times, 1, "{name}: {outcome:?}");
    let Outcome::Undone { failure, left } = outcome else {
        panic!("{name}: {outcome:?}");
    };
    let at = format!("controller/rack-1/{}", fault.at);
    assert_eq!(
        (failure.key.to_string(), json!(left)),
        (at, json!([])),
        "{name}: {failure:?}"
    );
    let why = failure.causes.join(": ");
    assert!(why.contains(fault.why), "{name}: {why}");
    assert!(failure.origin.is_some(), "{name}");
    if let Some(undo) = fault.undo {
        lab.inside.ip(undo);
    }
    same(&before, &lab.snapshot(), name);
    // And again, undisturbed.
    lab.apply(&block);
}

#[test]
fn others_between_two_steps() {
    guest::inside(|| FAULTS.iter().for_each(check));
}
