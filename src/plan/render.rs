//! A plan as people read it: changes only, grouped by what they touch, hazards last so that they stay on screen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Action, Disregard, Ignored, Obstruction, Plan, Reason, Step, Waiting, allowing};
use crate::state::{Key, Resource, Table, Unapplied};

/// More lines of one kind than this are one line with a count, unless all are asked for.
const COLLAPSE: usize = 8;

/// How much to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Long runs of one kind as a count.
    Brief,
    /// Every step, every foreign thing.
    Full,
}

/// Whether to colour. Meaning never hangs on colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    Plain,
    Colour,
}

/// The whole plan as text, ending with a newline.
pub fn render(plan: &Plan, detail: Detail, paint: Paint) -> String {
    let mut page = Page {
        text: String::new(),
        detail,
        paint,
        remade: remade(plan),
        pulled: &plan.pulled,
    };
    page.heading(plan);
    let (drift, intended): (Vec<&Step>, Vec<&Step>) =
        shown(plan).partition(|step| step.because == Reason::Drift);
    let mut sections: BTreeMap<Section, Vec<&Step>> = BTreeMap::new();
    for step in intended {
        sections.entry(section(&step.key)).or_default().push(step);
    }
    for (section, steps) in &sections {
        page.section(&section.title, steps);
    }
    if !drift.is_empty() {
        page.section("drift (changed outside Bedplate, will be put back)", &drift);
    }
    page.foreign(plan);
    page.ignored(plan);
    page.waiting(plan);
    page.elsewhere(plan);
    page.unapplied(plan);
    page.warnings(plan);
    page.hazards(plan);
    page.summary(plan);
    page.text
}

/// Lines of what is not applied, unless all are asked for.
const UNAPPLIED_SHOWN: usize = 10;

/// The things that are taken away and made again, or let go and put back.
fn remade(plan: &Plan) -> BTreeSet<&Key> {
    let mut seen = BTreeSet::new();
    let keys = plan.steps.iter().map(|step| &step.key);
    keys.filter(|key| !seen.insert(*key)).collect()
}

/// A thing that is taken away and made again is one line, its last one: that says what it is then.
fn shown(plan: &Plan) -> impl Iterator<Item = &Step> {
    let last: BTreeMap<&Key, usize> = plan
        .steps
        .iter()
        .enumerate()
        .map(|(at, step)| (&step.key, at))
        .collect();
    let steps = plan.steps.iter().enumerate();
    steps
        .filter(move |(at, step)| last.get(&step.key) == Some(at))
        .map(|(_, step)| step)
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Section {
    rank: u8,
    title: String,
}

fn section(key: &Key) -> Section {
    let (rank, title) = match key {
        Key::Link { controller, .. }
        | Key::Address { controller, .. }
        | Key::Route { controller, .. }
        | Key::Rule { controller, .. } => (0, format!("host {controller}")),
        Key::Listener { controller, .. } | Key::Forwarders { controller } => {
            (1, format!("servers on {controller}"))
        }
        Key::BootFile { .. } | Key::BootImage { .. } => (2, "boot".to_owned()),
        Key::Hook { .. } | Key::Webhook { .. } => (5, "hooks".to_owned()),
        Key::Scope { vlan, .. } | Key::Reservation { vlan, .. } => (3, format!("dhcp on {vlan}")),
        Key::Zone { zone } | Key::Record { zone, .. } => (4, format!("dns zone {zone}")),
        Key::Bmc { .. }
        | Key::User { .. }
        | Key::Network { .. }
        | Key::BootOrder { .. }
        | Key::Power { .. } => (6, "machines".to_owned()),
    };
    Section { rank, title }
}

/// The thing's name where its section already says the rest.
fn label(key: &Key) -> String {
    match key {
        Key::Link { link, .. } => format!("link {link}"),
        Key::Address { link, address, .. } => format!("address {address} on {link}"),
        Key::Route {
            destination,
            table,
            metric,
            ..
        } => {
            let table = if *table == Table::MAIN {
                String::new()
            } else {
                format!(" table {table}")
            };
            let metric = if *metric == 0 {
                String::new()
            } else {
                format!(" metric {metric}")
            };
            format!("route {destination}{table}{metric}")
        }
        Key::Rule {
            family, priority, ..
        } => format!("rule {priority} {family}"),
        Key::Listener {
            service, address, ..
        } => format!("listener {service} {address}:{}", service.port()),
        Key::Forwarders { .. } => "forwarders".to_owned(),
        Key::BootFile { path } => format!("file {path}"),
        Key::BootImage { image } => format!("image {image}"),
        Key::Hook { name } => format!("hook {name}"),
        Key::Webhook { name } => format!("webhook {name}"),
        Key::Scope { subnet, .. } => format!("scope {subnet}"),
        Key::Reservation { by, .. } => format!("reservation {by}"),
        Key::Zone { .. } => "zone".to_owned(),
        Key::Record { name, kind, .. } => format!("record {name} {kind}"),
        Key::Bmc { machine } => format!("bmc {machine}"),
        Key::User { machine, user } => format!("user {user} on {machine}"),
        Key::Network { machine } => format!("network of the BMC of {machine}"),
        Key::BootOrder { machine } => format!("boot-order {machine}"),
        Key::Power { machine } => format!("power {machine}"),
    }
}

fn kind(step: &Step) -> &'static str {
    step.after
        .as_ref()
        .or(step.before.as_ref())
        .map_or("thing", |resource| resource.kind())
}

struct Page<'a> {
    text: String,
    detail: Detail,
    paint: Paint,
    remade: BTreeSet<&'a Key>,
    pulled: &'a BTreeMap<Key, Key>,
}

impl Page<'_> {
    fn sign(&self, step: &Step) -> char {
        if self.remade.contains(&step.key) {
            '±'
        } else {
            step.sign()
        }
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn painted(&self, sign: char, text: &str) -> String {
        let code = match sign {
            '+' => "32",
            '~' => "33",
            '-' => "31",
            '±' => "35",
            '=' | '<' => "34",
            '!' => "1;31",
            _ => "2",
        };
        match self.paint {
            Paint::Plain => text.to_owned(),
            Paint::Colour => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }

    fn heading(&mut self, plan: &Plan) {
        self.line(&format!(
            "site {}  controller {}  plan {}",
            plan.site, plan.controller, plan.id
        ));
    }

    fn section(&mut self, title: &str, steps: &[&Step]) {
        self.line("");
        self.line(title);
        let mut runs: BTreeMap<(&str, char), usize> = BTreeMap::new();
        for step in steps {
            *runs.entry((kind(step), self.sign(step))).or_default() += 1;
        }
        let collapses = |step: &Step, page: &Self| {
            page.detail == Detail::Brief
                && runs
                    .get(&(kind(step), page.sign(step)))
                    .is_some_and(|count| *count > COLLAPSE)
        };
        let listed: Vec<&&Step> = steps.iter().filter(|step| !collapses(step, self)).collect();
        let width = listed
            .iter()
            .map(|step| label(&step.key).chars().count())
            .max()
            .unwrap_or(0)
            .min(48);
        for step in listed {
            self.step(step, width);
        }
        if self.detail == Detail::Brief {
            for ((kind, sign), count) in runs.into_iter().filter(|(_, count)| *count > COLLAPSE) {
                let line = format!("  {sign} {count} {kind}s");
                self.line(&format!(
                    "{}  (--full lists them)",
                    self.painted(sign, &line)
                ));
            }
        }
    }

    fn step(&mut self, step: &Step, width: usize) {
        let sign = self.sign(step);
        let label = label(&step.key);
        let head = self.painted(sign, &format!("  {sign} {label:<width$}"));
        // What comes shows what it will be; what goes, what it was.
        let (before, after) = (step.before.as_ref(), step.after.as_ref());
        let told = match (step.action, before, after) {
            (_, before, None) => before.map(Resource::summary),
            (Action::Claim, before, Some(after)) => Some(after.claimed_summary(before)),
            (Action::Create, _, Some(after)) | (_, None, Some(after)) => Some(after.summary()),
            (Action::Delete, Some(before), Some(_)) => Some(before.summary()),
            (Action::Update | Action::Release | Action::Carry, Some(_), Some(_)) => None,
        };
        let mut tail = told.unwrap_or_default();
        if !tail.is_empty() {
            tail.push_str("  ");
        }
        let place = step
            .origin
            .as_ref()
            .map(|origin| format!("  {origin}"))
            .unwrap_or_default();
        let pulled = self.pulled.get(&step.key);
        let pulled = pulled.map(|by| format!("; pulled in by {by}"));
        let pulled = pulled.unwrap_or_default();
        let because = match (&step.because, sign) {
            // It is there already, as something else than the site says.
            (Reason::Declared, '~') => "now in the site".to_owned(),
            (because, _) => because.to_string(),
        };
        self.line(&format!("{head}  {tail}({because}{pulled}){place}"));
        for change in &step.changes {
            self.line(&format!(
                "      {}  {} -> {}",
                change.field, change.from, change.to
            ));
        }
    }

    fn foreign(&mut self, plan: &Plan) {
        if plan.foreign.is_empty() {
            return;
        }
        self.line("");
        match self.detail {
            Detail::Brief => self.line(&format!(
                "kept: {} made by others  (--full lists them)",
                count(
                    plan.foreign.len(),
                    "address or route",
                    "addresses and routes"
                )
            )),
            Detail::Full => {
                self.line("kept (made by others)");
                plan.foreign
                    .iter()
                    .for_each(|key| self.line(&format!("    {key}")));
            }
        }
    }

    fn ignored(&mut self, plan: &Plan) {
        if plan.ignored.is_empty() {
            return;
        }
        self.line("");
        match self.detail {
            Detail::Brief => self.line(&format!(
                "ignored: {} outside Bedplate  (--full lists them)",
                count(plan.ignored.len(), "thing changed", "things changed")
            )),
            Detail::Full => {
                self.line("ignored (changed outside Bedplate, left so)");
                plan.ignored.iter().for_each(|one| self.left(one));
            }
        }
    }

    fn left(&mut self, Ignored { key, what, by }: &Ignored) {
        let what = match what {
            Disregard::Changed { changes } => {
                let told = changes.iter();
                let told = told.map(|one| format!("{} is {}, not {}", one.field, one.from, one.to));
                told.collect::<Vec<_>>().join("; ")
            }
            Disregard::Gone => "gone".to_owned(),
            Disregard::Foreign => "made by others".to_owned(),
        };
        let why = by.reason.as_ref().map(|why| format!(" ({why})"));
        let why = why.unwrap_or_default();
        self.line(&format!("    {key}  {what}{why}  {}", by.origin));
    }

    fn waiting(&mut self, plan: &Plan) {
        if plan.waiting.is_empty() {
            return;
        }
        self.line("");
        self.line("waiting");
        let shown = if self.detail == Detail::Full {
            usize::MAX
        } else {
            COLLAPSE
        };
        // First what somebody decided, then what follows from it.
        let is_decided = |one: &&Waiting| {
            matches!(
                one.on,
                Obstruction::Protected { .. } | Obstruction::Absent { .. }
            )
        };
        let decided = plan.waiting.iter().filter(is_decided);
        let others = plan.waiting.iter().filter(|one| !is_decided(one));
        for waiting in decided.chain(others).take(shown) {
            let place = waiting
                .origin
                .as_ref()
                .map(|origin| format!("  {origin}"))
                .unwrap_or_default();
            let line = format!("  ? {}  {}{place}", waiting.key, waiting.on);
            let line = self.painted('?', &line);
            self.line(&line);
        }
        if let Some(more) = plan
            .waiting
            .len()
            .checked_sub(shown)
            .filter(|more| *more > 0)
        {
            self.line(&format!("  ? {more} more  (--full lists them)"));
        }
    }

    fn elsewhere(&mut self, plan: &Plan) {
        if plan.elsewhere.is_empty() {
            return;
        }
        self.line("");
        for (controller, count) in &plan.elsewhere {
            self.line(&format!(
                "elsewhere: {count} things are for controller {controller} to hold"
            ));
        }
    }

    fn unapplied(&mut self, plan: &Plan) {
        if plan.unapplied.is_empty() {
            return;
        }
        self.line("");
        self.line("not applied by this release (checked, and left alone)");
        let most = if self.detail == Detail::Full {
            usize::MAX
        } else {
            UNAPPLIED_SHOWN
        };
        for Unapplied { what, why, origin } in plan.unapplied.iter().take(most) {
            self.line(&format!("  . {what}  {why}  {origin}"));
        }
        let hidden = plan.unapplied.len().saturating_sub(most);
        if hidden > 0 {
            self.line(&format!("  . {hidden} more  (--full lists them)"));
        }
    }

    fn warnings(&mut self, plan: &Plan) {
        if plan.warnings.is_empty() {
            return;
        }
        self.line("");
        let shown = if self.detail == Detail::Full {
            usize::MAX
        } else {
            COLLAPSE
        };
        for warning in plan.warnings.iter().take(shown) {
            let line = self.painted('~', &format!("! WARNING  {warning}"));
            self.line(&line);
            self.line(&format!("    to keep it from that: {}", warning.help()));
        }
        let hidden = plan.warnings.len().saturating_sub(shown);
        if hidden > 0 {
            self.line(&format!("! {hidden} more warnings  (--full lists them)"));
        }
    }

    fn hazards(&mut self, plan: &Plan) {
        if plan.hazards.is_empty() {
            return;
        }
        self.line("");
        for hazard in &plan.hazards {
            let head = self.painted('!', &format!("! HAZARD {}", hazard.kind));
            let (first, more) = hazard.lines();
            self.line(&format!("{head}  {first}"));
            more.for_each(|line| self.line(&format!("    {line}")));
        }
        self.line(&format!("  to go ahead: {}", allowing(&plan.hazards)));
    }

    fn summary(&mut self, plan: &Plan) {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for step in shown(plan) {
            let word = if matches!(step.because, Reason::Restored { .. }) {
                "restore"
            } else if matches!(step.because, Reason::MovesTo { .. }) {
                // Counted where it comes to.
                continue;
            } else if matches!(step.because, Reason::MovesFrom { .. }) {
                "move"
            } else if self.remade.contains(&step.key) {
                "replace"
            } else if step.action == Action::Carry && step.after.is_some() {
                "update"
            } else {
                step.action.as_str()
            };
            *counts.entry(word).or_default() += 1;
        }
        let mut text = String::from("Plan: ");
        if counts.is_empty() {
            text.push_str("nothing to do");
        }
        let order = [
            "create", "claim", "move", "update", "replace", "restore", "release", "delete", "lose",
        ];
        let parts: Vec<_> = order
            .iter()
            .filter_map(|word| counts.get(word).map(|count| format!("{count} to {word}")))
            .collect();
        text.push_str(&parts.join(", "));
        let _ = write!(text, "; {} unchanged", plan.unchanged);
        if !plan.waiting.is_empty() {
            let _ = write!(text, ", {} waiting", plan.waiting.len());
        }
        if !plan.unapplied.is_empty() {
            let _ = write!(
                text,
                ", {} not applied by this release",
                plan.unapplied.len()
            );
        }
        text.push('.');
        self.line("");
        self.line(&text);
    }
}

fn count(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
