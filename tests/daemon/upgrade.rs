//! A start by another version of the program: it compiles the stored sources anew, or serves what they meant last.

use std::sync::Arc;

use bedplate::store::{Batch, Embedded, Store, Write};
use serde_json::{Value, json};

use crate::lab::{Lab, SITE, udhcpc};

/// Changes what a stopped daemon keeps of the last apply.
fn rewrite(lab: &Lab, change: impl Fn(&mut Value)) {
    let store = Arc::new(Embedded::open(&lab.path("state").join("store")).unwrap());
    let mut applied: Value =
        serde_json::from_slice(&store.get(b"applied").unwrap().unwrap()).unwrap();
    change(&mut applied);
    let put = Write::Put {
        key: b"applied".to_vec(),
        value: serde_json::to_vec(&applied).unwrap(),
    };
    let batch = Batch {
        guards: Vec::new(),
        writes: vec![put],
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(store.commit(batch)).unwrap();
}

/// What was stored when BMCs were no part of what a site meant: all that it had were in force.
#[test]
fn bmcs_are_in_force_after_an_upgrade() {
    let machine = "machine \"node-02\" { bmc \"manual\" { instruction \"press\" } }\n".to_owned();
    for only in [&[][..], &["--except", "**/link/port2"]] {
        let lab = Lab::new();
        lab.write(&(SITE.to_owned() + &machine));
        let daemon = lab.serve();
        lab.run(&[&["apply", "--yes"], only].concat());
        drop(daemon);
        rewrite(&lab, |applied| {
            let key = "machine/node-02/bmc";
            for part in ["state", "origins"] {
                let desired = applied["desired"][part].as_object_mut().unwrap();
                assert!(desired.remove(key).is_some(), "{part}");
            }
            let by = applied["compiled_by"].as_object_mut().unwrap();
            assert!(by.remove("has_bmcs").is_some());
        });
        let _daemon = lab.serve();
        let said = lab.run(&["power", "status", "node-02"]);
        assert!(!said.err.contains("has no BMC"), "{only:?} {said:?}");
        let plan = lab.json(&["plan"]);
        let steps = plan["steps"].as_array().unwrap().iter();
        let keys: Vec<&str> = steps.map(|step| step["key"].as_str().unwrap()).collect();
        assert!(!keys.contains(&"machine/node-02/bmc"), "{keys:?}");
    }
}

#[test]
fn only_another_version_compiles_anew_and_one_that_cannot_serves_the_last_good_state() {
    let moved = |text: &str| text.replace("10.70.0.11", "10.70.0.21");
    let broken = |text: &str| format!("{text}\nmachine \"node-03\" profile=\"gone\"");
    type Edit<'a> = &'a dyn Fn(&str) -> String;
    let cases: [(bool, Edit<'_>, &str); 3] = [
        (false, &moved, "ip=10.70.0.11\n"),
        (true, &moved, "ip=10.70.0.21\n"),
        (true, &broken, "ip=10.70.0.11\n"),
    ];
    for (is_other, edit, expected) in cases {
        let lab = Lab::new();
        let daemon = lab.serve();
        lab.applied();
        drop(daemon);
        rewrite(&lab, |applied| {
            let source = &mut applied["bundle"]["sources"]["site.kdl"];
            *source = json!(edit(source.as_str().unwrap()));
            if is_other {
                applied["compiled_by"]["version"] = json!("0.0.0");
            }
        });
        let _daemon = lab.serve();
        let said = udhcpc(&lab.machines[0], &lab.folder);
        assert!(said.contains(expected), "{is_other} {expected}: {said}");
    }
}
