//! A daemon that is killed before each of the changes of an apply, one after the other: the host ends as it was, or as the site says.

use crate::lab::{Lab, SITE, with_routes};
use crate::shim::Shim;
use crate::support::witness;

/// More changes than any of these takes.
const MANY: usize = 200;

/// Runs `command` once for each change that it makes the daemon make; the daemon is killed right before that change and started
/// again. `prepare` makes the same beginning each time, and `check` hears what the host was then. Returns how many changes there are.
fn at_every_change(
    lab: &Lab,
    prepare: impl Fn(),
    command: &[&str],
    check: impl Fn(usize, &str),
) -> usize {
    let shim = Shim::new(lab);
    for change in 1..MANY {
        let mut daemon = shim.serve();
        prepare();
        let before = witness::host(&lab.host);
        shim.kill_at(change);
        let said = lab.run(command);
        shim.kill_at(0);
        if said.code == 0 {
            return change - 1;
        }
        // A command may fail for another reason: then nobody waits for the end of a daemon that lives.
        assert_ne!(lab.run(&["status"]).code, 0, "{said:?}");
        assert!(!daemon.child().wait().unwrap().success(), "{said:?}");
        let _daemon = shim.serve();
        assert_eq!(lab.unlike(), Default::default(), "killed at {change}");
        check(change, &before);
    }
    panic!("there is no end of changes");
}

/// What became of the last apply.
fn fate(lab: &Lab) -> String {
    lab.history()[0]["fate"]["kind"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The old site in force, and an edit of it on disk: addresses, links, routes and servers change.
fn edited(lab: &Lab) {
    lab.write(SITE);
    lab.applied();
    lab.write(&edit());
}

fn edit() -> String {
    with_routes(2)
        .replace("10.70.0.11", "10.70.0.12")
        .replace("address \"10.70.0.2\"", "address \"10.70.0.3\"")
}

/// The host is as it was, or as the edit says; which, as the history has it.
fn old_or_new(lab: &Lab, change: usize, before: &str, new: &str) {
    let is_new = fate(lab) == new;
    let plan = lab.run(&["plan", "--exit-code"]);
    assert_eq!(plan.code == 0, is_new, "killed at {change}: {plan:?}");
    let is_before = witness::host(&lab.host) == before;
    assert_eq!(is_before, !is_new, "killed at {change}");
}

#[test]
fn at_every_change_of_a_first_apply() {
    let lab = Lab::new();
    let bare = witness::host(&lab.host);
    let changes = at_every_change(
        &lab,
        || lab.write(SITE),
        &["apply", "--yes"],
        |change, _| {
            // With the last one the new site may be in the store already: then the loop is over.
            let is_kept = fate(&lab) == "done";
            assert_eq!(
                witness::host(&lab.host) == bare,
                !is_kept,
                "killed at {change}"
            );
        },
    );
    assert!(changes > 8, "{changes}");
    lab.serve();
}

#[test]
fn at_every_change_of_a_later_apply() {
    let lab = Lab::new();
    let check = |change, before: &str| old_or_new(&lab, change, before, "done");
    let apply = &["apply", "--yes", "--allow", "mass-delete"];
    let changes = at_every_change(&lab, || edited(&lab), apply, check);
    assert!(changes > 8, "{changes}");
}

#[test]
fn at_every_change_of_an_apply_that_would_wait() {
    let lab = Lab::new();
    let check = |change, before: &str| {
        assert_eq!(witness::host(&lab.host), before, "killed at {change}");
        assert!(["interrupted", "reverted"].contains(&&*fate(&lab)));
    };
    let apply = &["apply", "--yes", "--confirm-within", "1h"];
    let changes = at_every_change(&lab, || edited(&lab), apply, check);
    assert!(changes > 8, "{changes}");
}

#[test]
fn at_every_change_of_a_confirmation_and_of_a_reversal() {
    let lab = Lab::new();
    // What the host was before the apply that waits, not after it.
    let before = std::cell::RefCell::new(String::new());
    let prepare = || {
        edited(&lab);
        before.replace(witness::host(&lab.host));
        let said = lab.run(&["apply", "--yes", "--confirm-within", "1h"]);
        assert_eq!(said.code, 0, "{said:?}");
    };
    let check = |change, _: &str| old_or_new(&lab, change, &before.borrow(), "confirmed");
    let confirming = at_every_change(&lab, prepare, &["confirm"], check);
    assert!(confirming > 0);
    let check = |change, _: &str| {
        assert_eq!(
            witness::host(&lab.host),
            *before.borrow(),
            "killed at {change}"
        );
        assert_eq!(fate(&lab), "reverted");
    };
    let reverting = at_every_change(&lab, prepare, &["rollback"], check);
    assert!(reverting > 8, "{reverting}");
}

/// The address that the bridge sends from.
fn first(lab: &Lab) -> String {
    let links = lab.host.ip_json("-4 address show dev br0");
    let first = &links[0]["addr_info"][0]["local"];
    first.as_str().unwrap_or_default().to_owned()
}

/// An edit of the bridge's addresses, with one of others beside them or none.
struct Edit<'a> {
    from: &'a str,
    to: &'a str,
    foreign: Option<&'a str>,
}

impl Edit<'_> {
    fn site(addresses: &str) -> String {
        SITE.replace(r#"address "10.70.0.2""#, addresses)
    }

    /// The old site in force, and the edit of it on disk.
    fn prepare(&self, lab: &Lab) {
        let others = self.foreign.unwrap_or_default();
        if self.foreign.is_some() && !lab.host.ip(&format!("address show to {others}")).is_empty() {
            // The order is the site's where nobody else has an address there.
            lab.host.ip(&format!("address del {others}/16 dev br0"));
        }
        lab.write(&Self::site(self.from));
        lab.applied();
        if self.foreign.is_some() {
            lab.host.ip(&format!("address add {others}/16 dev br0"));
        }
        lab.write(&Self::site(self.to));
    }

    /// The one check: killed at each change of it, and at each of the way back from it.
    fn check(&self) {
        let lab = Lab::new();
        let apply = ["apply", "--yes", "--allow", "mass-delete"];
        let check = |change, before: &str| {
            let is_new = fate(&lab) == "done";
            let plan = lab.run(&["plan", "--exit-code"]);
            assert_eq!(plan.code == 0, is_new, "killed at {change}: {plan:?}");
            if !is_new {
                assert_eq!(witness::host(&lab.host), before, "killed at {change}");
                assert_eq!(first(&lab), "10.70.0.2", "killed at {change}");
            }
        };
        let changes = at_every_change(&lab, || self.prepare(&lab), &apply, check);
        assert!(changes > 8, "{changes}");
        let before = std::cell::RefCell::new(String::new());
        let prepare = || {
            self.prepare(&lab);
            before.replace(witness::host(&lab.host));
            let said = lab.run(&[&apply[..], &["--confirm-within", "1h"]].concat());
            assert_eq!(said.code, 0, "{said:?}");
        };
        let check = |change, _: &str| {
            let now = witness::host(&lab.host);
            assert_eq!(now, *before.borrow(), "killed at {change}");
            assert_eq!(first(&lab), "10.70.0.2", "killed at {change}");
        };
        let changes = at_every_change(&lab, prepare, &["rollback"], check);
        assert!(changes > 8, "{changes}");
    }
}

#[test]
fn at_every_change_of_an_exchange_of_first_addresses() {
    let edit = Edit {
        from: r#"address "10.70.0.2"; address "10.70.0.3"; address "10.70.0.4""#,
        to: r#"address "10.70.0.3"; address "10.70.0.2"; address "10.70.0.4""#,
        foreign: None,
    };
    edit.check();
}

#[test]
fn at_every_change_beside_an_address_of_others() {
    let edit = Edit {
        from: r#"address "10.70.0.2"; address "10.70.0.3"; address "10.70.0.4"; address "10.70.0.5""#,
        to: r#"address "10.70.0.4""#,
        foreign: Some("10.70.9.9"),
    };
    edit.check();
}
