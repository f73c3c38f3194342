//! Tells the story: short headings and one line a happening for people; for programs what `scene` makes of it.

use std::time::Instant;

use serde_json::{Value, json};

use super::news::{Identity, News, Renewals};
use super::scene::{Scene, happening, milliseconds};
use crate::apply::Event;
use crate::base::duration::Seconds;
use crate::base::name::HostName;
use crate::cli::apply;
use crate::cli::output::Output;
use crate::plan::{Detail, Paint, render};

/// Tells the story.
pub(super) struct Narrator<'a> {
    out: &'a Output,
    begun: Instant,
}

impl<'a> Narrator<'a> {
    pub(super) fn new(out: &'a Output, begun: Instant) -> Self {
        Self { out, begun }
    }

    pub(super) fn is_verbose(&self) -> bool {
        self.out.verbose
    }

    pub(super) fn say(&self, scene: &Scene<'_>) {
        if self.out.json {
            self.line(scene.value());
        } else {
            let text = scene.text(self);
            self.out.text(&text);
        }
    }

    /// A step of an apply.
    pub(super) fn applying(&self, event: &Event) {
        if self.out.json {
            self.line(serde_json::to_value(event).unwrap_or_default());
        } else if let Event::Finished(report) = event {
            self.out.text(&format!("  {}", apply::ended(report)));
        } else if let Some(line) = apply::told(event) {
            self.out.text(&format!("  {line}\n"));
        }
    }

    /// What a machine got.
    pub(super) fn happened(&self, machine: &Identity, news: &News) {
        if self.out.json {
            happening(machine, news)
                .into_iter()
                .for_each(|value| self.line(value));
            return;
        }
        let (what, detail) = match news {
            News::Leased(lease) => (
                "DHCP",
                format!(
                    "DISCOVER OFFER REQUEST ACK: {} for {} from {}",
                    lease.address.ip(),
                    Seconds(lease.seconds),
                    lease.server
                ),
            ),
            News::Loaded(loaded) => (
                loaded.protocol,
                format!(
                    "{}, {} KiB, sha256 {} as in the site",
                    loaded.file,
                    loaded.bytes / 1024,
                    loaded.digest.short()
                ),
            ),
            News::Named(name) => ("DNS", format!("{name}, forward and reverse")),
            News::Renewing | News::Renewed(_) | News::Failed(_) => return,
        };
        let who = format!("{} ({})", machine.name, machine.arch.title());
        let line = format!("  {}  {who:<24}  {what:<4}  {detail}\n", self.clock());
        self.out.text(&line);
    }

    fn line(&self, mut value: Value) {
        if let Some(fields) = value.as_object_mut() {
            let at = self.begun.elapsed().as_secs_f64();
            fields.insert("at".to_owned(), json!((at * 1000.0).round() / 1000.0));
        }
        self.out.line(&value);
    }

    fn clock(&self) -> String {
        format!("{:5.2} s", self.begun.elapsed().as_secs_f64())
    }

    fn heading(&self, text: &str, aside: &str) -> String {
        match self.out.paint {
            Paint::Plain => format!("\n{text}  {aside}\n"),
            Paint::Colour => format!("\n\u{1b}[1m{text}\u{1b}[0m  \u{1b}[2m{aside}\u{1b}[0m\n"),
        }
    }
}

impl Scene<'_> {
    fn text(&self, narrator: &Narrator<'_>) -> String {
        let heading = |text: &str, aside: &str| narrator.heading(text, aside);
        match self {
            Self::Sandbox {
                controller,
                machines,
                is_root,
            } => sandbox(controller, machines, *is_root, narrator),
            Self::Site { text } => {
                heading("The site", "examples/quickstart/site.kdl") + &indented(text)
            }
            Self::Plan { plan } => {
                let text = render(plan, Detail::Brief, narrator.out.paint);
                heading("The plan", "as `bedplate plan` shows it") + &indented(&text)
            }
            Self::Apply => heading("The apply", "as `bedplate apply` does it"),
            Self::Boot {
                machines,
                strangers,
            } => {
                let verb = if machines.len() == 1 { "boots" } else { "boot" };
                let aside = match strangers {
                    [] => "times are since the start".to_owned(),
                    _ => format!(
                        "times are since the start; the site does not know {} yet",
                        list(strangers)
                    ),
                };
                heading(&format!("{} {verb}", list(machines)), &aside)
            }
            Self::Edit { diff } => {
                let diff = coloured(diff, narrator.out.paint);
                heading("An edit", "of site.kdl") + &indented(&diff)
            }
            Self::Renewed { machines, renewals } => renewed(machines, *renewals, narrator),
            Self::Settled { plan } => {
                let text = format!("  {} things as the site says.\n", plan.unchanged);
                heading("The plan once more", "nothing is left to do") + &text
            }
            Self::Captured { path, frames } => {
                let path = path.display();
                format!("\n{frames} frames are in {path}; read them: tcpdump -nr {path}\n")
            }
            Self::Interrupted => "\nInterrupted; everything is taken down.\n".to_owned(),
            Self::End => format!(
                "\nDone in {:.1} s. The sandbox is gone, and the host's network was never touched.\n",
                narrator.begun.elapsed().as_secs_f64()
            ),
        }
    }
}

fn sandbox(
    controller: &HostName,
    machines: &[Identity],
    is_root: bool,
    narrator: &Narrator<'_>,
) -> String {
    let rights = if is_root {
        "network namespaces"
    } else {
        "network namespaces, within a user namespace since you are not root"
    };
    let mut text = narrator.heading("The sandbox", rights);
    text.push_str(&format!(
        "  real       controller {controller}: `bedplate serve`, its DHCP, DNS, TFTP and HTTP servers, every packet\n"
    ));
    for (index, machine) in machines.iter().enumerate() {
        let label = if index == 0 { "simulated" } else { "" };
        text.push_str(&format!(
            "  {label:<9}  machine {}: {} firmware, {}, on a virtual cable\n",
            machine.name,
            machine.arch.title(),
            machine.mac
        ));
    }
    text.push_str("  simulated  the boot programs: stand-ins that are fetched, never run\n");
    text
}

fn renewed(machines: &[HostName], renewals: Renewals, narrator: &Narrator<'_>) -> String {
    let Renewals {
        asked,
        answered,
        slowest,
    } = renewals;
    let text = format!(
        "  {}  {} renewed {asked} times meanwhile: {answered} answered, the slowest in {} ms\n",
        narrator.clock(),
        list(machines),
        milliseconds(slowest)
    );
    narrator.heading("The other machines", "kept renewing through plan and apply") + &text
}

/// Names as a sentence lists them.
fn list(names: &[HostName]) -> String {
    match names {
        [] => String::new(),
        [only] => only.to_string(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(HostName::as_str).collect();
            format!("{} and {last}", first.join(", "))
        }
    }
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("  {line}").trim_end().to_owned() + "\n")
        .collect()
}

fn coloured(diff: &str, paint: Paint) -> String {
    let line = |line: &str| match (paint, line.chars().next()) {
        (Paint::Colour, Some('+')) => format!("\u{1b}[32m{line}\u{1b}[0m\n"),
        (Paint::Colour, Some('-')) => format!("\u{1b}[31m{line}\u{1b}[0m\n"),
        (Paint::Colour | Paint::Plain, _) => format!("{line}\n"),
    };
    diff.lines().map(line).collect()
}
