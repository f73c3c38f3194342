//! `bedplate bmc discover`: which BMCs answer, which of them the site knows, and which of the site's do not.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::process::ExitCode;

use super::args::bmc::DiscoverArguments;
use super::client::Client;
use super::output::Output;
use super::table::Table;
use crate::base::addr::Prefix;
use crate::base::name::HostName;
use crate::daemon::{FoundBmc, FoundRedfish, MatchedBy, SweepEvent, SweepOrder};
use crate::diag::code::Code;
use crate::diag::fault::Fault;

pub(super) async fn discover(
    arguments: &DiscoverArguments,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let order = SweepOrder {
        subnets: arguments.subnets.clone(),
    };
    let mut told = Told::default();
    client
        .post_lines("discover", &order, |events| {
            for event in events {
                told.hear(event, out);
            }
        })
        .await?;
    if !out.json {
        out.text(&told.text());
    }
    match told.looked {
        // Whom it was to look for there, nobody knows now.
        Some(_) if !told.out_of_reach.is_empty() => Ok(ExitCode::from(4)),
        Some(_) => Ok(ExitCode::SUCCESS),
        None => Err(Fault::new(
            Code::DaemonAbsent,
            "the daemon ended before the sweep was done",
        )
        .help("see the daemon's log; `bedplate status` shows whether it is back")),
    }
}

#[derive(Default)]
struct Told {
    subnets: Vec<Prefix>,
    out_of_reach: Vec<Prefix>,
    addresses: usize,
    found: Vec<FoundBmc>,
    silent: Vec<(HostName, IpAddr)>,
    /// How many addresses were looked at, once all were.
    looked: Option<usize>,
}

impl Told {
    fn hear(&mut self, event: &SweepEvent, out: &Output) {
        if out.json {
            out.line(event);
        }
        match event {
            SweepEvent::Begun {
                subnets,
                too_large,
                out_of_reach,
                addresses,
            } => {
                (self.subnets, self.addresses) = (subnets.clone(), *addresses);
                self.out_of_reach.clone_from(out_of_reach);
                for subnet in too_large.iter().filter(|_| !out.json) {
                    out.progress(&format!(
                        "{subnet} is too large to look at every address: name parts of it"
                    ));
                }
            }
            SweepEvent::Looked { .. } if out.json => {}
            SweepEvent::Looked { addresses } => {
                let all = self.addresses;
                out.progress(&format!("{addresses} of {all} addresses"));
            }
            SweepEvent::Found(found) => self.found.push(found.clone()),
            SweepEvent::Silent { machine, address } => {
                self.silent.push((machine.clone(), *address));
            }
            SweepEvent::Done { addresses } => self.looked = Some(*addresses),
        }
    }

    fn text(&mut self) -> String {
        self.found.sort_by_key(|found| found.address);
        let mut text = String::new();
        let (known, unknown): (Vec<_>, Vec<_>) =
            self.found.iter().partition(|found| found.machine.is_some());
        section(&mut text, "Known to the site:", &known);
        section(&mut text, "Not known to the site:", &unknown);
        let found = self.found.iter();
        let unwritten: Vec<&FoundBmc> = found.filter(|one| !is_written(one)).collect();
        if !unwritten.is_empty() {
            text.push_str("To have one of them in the site, write into its machine:\n");
            for found in unwritten {
                let machine = found.machine.iter();
                let machine: String = machine.map(|one| format!("  // {one}")).collect();
                let _ = writeln!(text, "  {}{machine}", kdl(found));
            }
        }
        if !self.silent.is_empty() {
            text.push_str("Of the site, and silent:\n");
            let mut table = Table::default();
            for (machine, address) in &self.silent {
                table.row([machine.to_string(), address.to_string()]);
            }
            text.push_str(&table.text());
        }
        for subnet in &self.out_of_reach {
            let _ = writeln!(
                text,
                "No route of this controller leads to {subnet}: give it an address there, or a route, and apply."
            );
        }
        let anywhere = |looked: &usize| *looked > 0 || self.out_of_reach.is_empty();
        if let Some(looked) = self.looked.filter(anywhere) {
            let subnets: Vec<String> = self.subnets.iter().map(Prefix::to_string).collect();
            let place = match subnets.is_empty() {
                true => "those of the site's BMCs; name subnets to find others".to_owned(),
                false => format!("of {}", subnets.join(", ")),
            };
            let count = match looked {
                1 => "1 address".to_owned(),
                _ => format!("{looked} addresses"),
            };
            let _ = writeln!(text, "Looked at {count}, {place}.");
        }
        text
    }
}

/// Whether the site has a BMC for its machine.
fn is_written(found: &FoundBmc) -> bool {
    found.by == Some(MatchedBy::Address) || found.declared.is_some()
}

fn section(text: &mut String, title: &str, found: &[&FoundBmc]) {
    if found.is_empty() {
        return;
    }
    let _ = writeln!(text, "{title}");
    let mut table = Table::default();
    for one in found {
        table.row([
            one.address.to_string(),
            protocols(one),
            one.mac.map_or_else(String::new, |mac| mac.to_string()),
            whose(one),
        ]);
    }
    text.push_str(&table.text());
}

fn protocols(found: &FoundBmc) -> String {
    let mut words = Vec::new();
    if let Some(redfish) = &found.redfish {
        let FoundRedfish {
            version,
            vendor,
            product,
            ..
        } = redfish;
        let version = version.iter().map(|version| format!(" {version}"));
        let makers: Vec<&str> = [vendor, product]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        let maker = match makers.is_empty() {
            true => String::new(),
            false => format!(" ({})", makers.join(" ")),
        };
        words.push(format!("Redfish{}{maker}", version.collect::<String>()));
    }
    if found.ipmi {
        words.push("IPMI".to_owned());
    }
    words.join(", ")
}

fn whose(found: &FoundBmc) -> String {
    let Some(machine) = &found.machine else {
        return found
            .uuid
            .as_ref()
            .map_or_else(String::new, |uuid| format!("uuid {uuid}"));
    };
    let by = match found.by {
        Some(MatchedBy::Uuid) => Some("by its UUID"),
        Some(MatchedBy::Mac) => Some("by its MAC"),
        Some(MatchedBy::Address) | None => None,
    };
    let mut words = match (by, found.declared) {
        (None, _) => machine.to_string(),
        (Some(by), Some(declared)) => {
            format!("{machine}, {by}: the site has its BMC at {declared}")
        }
        (Some(by), None) => format!("{machine}, {by}: the site has no BMC for it"),
    };
    if found.is_pinned == Some(false) {
        words.push_str(
            "; shows another certificate than the one that the site pins: bedplate bmc trust ",
        );
        words.push_str(machine.as_str());
    }
    words
}

/// What a site says of it, but for who is let in.
fn kdl(found: &FoundBmc) -> String {
    let address = found.address;
    let line = |kind: &str| {
        format!(
            "bmc \"{kind}\" address=\"{address}\" username=\"…\" password=(file)\"/etc/bedplate/bmc\""
        )
    };
    match &found.redfish {
        Some(redfish) => format!(
            "{} {{ fingerprint \"{}\" }}",
            line("redfish"),
            redfish.fingerprint
        ),
        None => line("ipmi"),
    }
}
