//! Every example compiles, and what it compiles to is reviewed text under golden/. `BLESS=1 cargo test` rewrites that text.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there"
)]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use support::golden::{Texts, check};

use bedplate::base::bmc::PowerState;
use bedplate::base::digest::Digest;
use bedplate::base::name::HostName;
use bedplate::cli::files::DiskFiles;
use bedplate::daemon::Bundle;
use bedplate::lang::files::MemoryFiles;
use bedplate::plan::{Detail, Inputs, Paint, Plan, plan, render, undo};
use bedplate::site::model::Site;
use bedplate::site::{Compiled, compile};
use bedplate::state::{
    Desired, Link, Observation, Ownership, Power, Resource, State, desired, elsewhere,
};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn faultless(compiled: &Compiled) -> &Site {
    let faults = bedplate::diag::render::text(&compiled.diagnostics, &compiled.sources, false);
    assert!(compiled.diagnostics.is_empty(), "{faults}");
    compiled.site.as_ref().unwrap()
}

/// A host that has the site's physical links, down and nobody's, and nothing else; all machines are off.
fn empty_host(desired: &Desired) -> Observation {
    let mut host = Observation::default();
    for (key, resource) in &desired.state {
        if let Resource::Link(link) = resource
            && !link.kind.is_made()
        {
            let link = Link::new(link.kind.clone(), false, Some(1500));
            host.state.insert(key.clone(), Resource::Link(link));
            host.facts.ownership.insert(key.clone(), Ownership::Foreign);
        }
        if let Resource::Power(_) = resource {
            let state = PowerState::Off;
            let power = Resource::Power(Power { state });
            host.state.insert(key.clone(), power);
        }
    }
    host
}

/// The host once `plan` is done.
fn applied(plan: &Plan, mut host: Observation) -> Observation {
    for step in &plan.steps {
        match (&step.after, &step.before) {
            (Some(after), before) => {
                host.state.insert(step.key.clone(), after.clone());
                if let (Some(Ownership::Foreign), Some(before)) =
                    (host.facts.ownership.get(&step.key), before)
                {
                    host.facts.ownership.insert(
                        step.key.clone(),
                        Ownership::Claimed {
                            before: before.clone(),
                        },
                    );
                }
            }
            (None, _) => drop(host.state.remove(&step.key)),
        }
    }
    host
}

fn planned(
    site: &Site,
    controller: &HostName,
    observed: &Observation,
    applied: Option<&Desired>,
) -> Plan {
    let (desired, elsewhere) = (desired(site, controller), elsewhere(site, controller));
    plan(Inputs {
        site: &site.name,
        controller,
        desired: &desired,
        observed,
        applied,
        kept: &State::new(),
        elsewhere: &elsewhere,
    })
    .unwrap()
}

fn both(texts: &mut Texts, name: &str, plan: &Plan) {
    texts.insert(
        format!("{name}.txt"),
        render(plan, Detail::Full, Paint::Plain),
    );
    texts.insert(
        format!("{name}.json"),
        format!("{}\n", serde_json::to_string_pretty(plan).unwrap()),
    );
}

/// Everything that one controller of an example comes to. The edit is golden/EXAMPLE/edit.kdl, added to the site's root.
fn texts(site: &Site, edited: &Site, controller: &HostName) -> Texts {
    let mut texts = Texts::new();
    let wanted = desired(site, controller);
    let mut state = String::new();
    for (key, resource) in &wanted.state {
        writeln!(
            state,
            "{key}  {}  {}",
            resource.summary(),
            wanted.origins[key]
        )
        .unwrap();
    }
    texts.insert("state.txt".to_owned(), state);
    texts.insert(
        "state.json".to_owned(),
        format!("{}\n", serde_json::to_string_pretty(&wanted.state).unwrap()),
    );
    let host = empty_host(&wanted);
    let first = planned(site, controller, &host, None);
    both(&mut texts, "plan", &first);
    let way_back: String = undo(&first.steps)
        .iter()
        .map(|step| format!("{} {}\n", step.action.sign(), step.key))
        .collect();
    texts.insert("undo.txt".to_owned(), way_back);
    let after = applied(&first, host);
    assert!(
        planned(site, controller, &after, Some(&wanted)).is_empty(),
        "the second plan is not empty"
    );
    both(
        &mut texts,
        "edit-plan",
        &planned(edited, controller, &after, Some(&wanted)),
    );
    if !wanted.protected.is_empty() {
        let text = render(
            &withdrawn(site, controller, &after),
            Detail::Brief,
            Paint::Plain,
        );
        texts.insert("withdrawn-plan.txt".to_owned(), text);
    }
    texts
}

/// The plan that takes everything away, but for what is protected.
fn withdrawn(site: &Site, controller: &HostName, observed: &Observation) -> Plan {
    plan(Inputs {
        site: &site.name,
        controller,
        desired: &Desired::default(),
        observed,
        applied: Some(&desired(site, controller)),
        kept: &State::new(),
        elsewhere: &std::collections::BTreeMap::new(),
    })
    .unwrap()
}

#[test]
fn every_example_comes_to_what_is_golden() {
    let examples = fs::read_dir(folder("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut seen = 0;
    for example in examples.filter(|path| path.is_dir()) {
        let name = example.file_name().unwrap().to_str().unwrap().to_owned();
        let compiled = compile(&DiskFiles::open(&example).unwrap(), "site.kdl");
        let site = faultless(&compiled);
        let mut bundle = Bundle::of(&compiled, "site.kdl").unwrap();
        let edit = fs::read_to_string(folder("golden").join(&name).join("edit.kdl"))
            .expect("each example has golden/EXAMPLE/edit.kdl");
        let text = bundle.sources.get_mut("site.kdl").unwrap();
        *text = format!("{text}{edit}").into();
        let recompiled = bundle.compile();
        let edited = faultless(&recompiled);
        let mut all = Texts::new();
        for controller in site.controllers.keys() {
            let texts = texts(site, edited, controller);
            all.extend(
                texts
                    .into_iter()
                    .map(|(file, text)| (format!("{controller}/{file}"), text)),
            );
        }
        check(
            &folder("golden").join(&name),
            &all,
            &["edit.kdl", "commands/"],
        );
        seen += 1;
    }
    assert!(seen >= 2, "only {seen} examples");
}

#[test]
fn every_site_in_the_readme_compiles() {
    let readme = fs::read_to_string(folder("README.md")).unwrap();
    let blocks = readme.split("```kdl\n").skip(1);
    let mut seen = 0;
    for block in blocks.filter_map(|rest| rest.split_once("```").map(|(block, _)| block)) {
        let mut files = MemoryFiles::default();
        files.insert("site.kdl", block.as_bytes().to_vec());
        for path in ["boot/bootx64.efi", "boot/lpxelinux.0", "boot/grub.cfg"] {
            files.insert_digest(path, Digest::of(path.as_bytes()), 1);
        }
        faultless(&compile(&files, "site.kdl"));
        seen += 1;
    }
    assert!(seen >= 2, "only {seen} sites");
}
