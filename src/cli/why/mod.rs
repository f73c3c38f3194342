//! `bedplate why`: what became of a machine's messages to the DHCP server.

mod boot;
mod exchange;

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use super::args::WhyWhat;
use super::client::Client;
use super::output::{Output, count};
use super::table::Table;
use crate::base::mac::MacAddr;
use crate::base::vlan::VlanPath;
use crate::daemon::{
    ExchangeRow, LeaseRow, ObstacleRow, QuarantineRow, ReservedRow, WaitingRow, Why,
};
use crate::diag::fault::Fault;
use crate::serve::dhcp::{LeaseState, Outcome, WAITING_MOST};

/// The reason of one that waits to be named.
const HELD: &str = "held";

pub(super) async fn why(
    what: Option<WhyWhat>,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let (path, nobody) = match what {
        None => return waiting(client, out).await,
        Some(WhyWhat::Mac(mac)) => {
            let why: Why = client.get(&format!("why/{mac}")).await?;
            match out.json {
                true => out.value(&why)?,
                false => out.text(&rendered(&why)),
            }
            return Ok(ExitCode::SUCCESS);
        }
        Some(WhyWhat::Machine(name)) => (
            format!("why/machine/{name}"),
            format!(
                "No hardware address of {name} is known: the site has none, and nobody has an address that is reserved for it.\n"
            ),
        ),
        Some(WhyWhat::Name(name)) => (
            format!("why/name/{name}"),
            format!("No hardware address of {name} is known.\n"),
        ),
        Some(WhyWhat::Address(address)) => (
            format!("why/address/{address}"),
            format!(
                "No DHCP client has {address}, and it is reserved for none whose hardware address is known: `bedplate ip {address}` tells what else is known of it.\n"
            ),
        ),
    };
    let all: Vec<Why> = client.get(&path).await?;
    if out.json {
        out.value(&all)?;
    } else if all.is_empty() {
        out.text(&nobody);
    } else {
        let all: Vec<String> = all.iter().map(rendered).collect();
        out.text(&all.join("\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Who waits to be named.
async fn waiting(client: &Client, out: &Output) -> Result<ExitCode, Fault> {
    let rows: Vec<WaitingRow> = client.get("waiting").await?;
    if out.json {
        out.value(&rows)?;
    } else {
        out.text(&listed(rows));
    }
    Ok(ExitCode::SUCCESS)
}

/// Who waits, how one is named, and that there may be more than a daemon lists.
fn listed(rows: Vec<WaitingRow>) -> String {
    let is_full = rows.len() >= WAITING_MOST;
    let mut table = Table::default();
    for row in rows {
        let WaitingRow {
            hardware,
            vlan,
            since,
            heard,
            messages,
        } = row;
        table.row([
            hardware,
            format!("VLAN {vlan}"),
            format!("since {since}"),
            format!("last {heard}"),
            messages_of(messages),
        ]);
    }
    if table.is_empty() {
        return "Nobody waits to be named.\n".to_owned();
    }
    let mut text = table.text();
    if is_full {
        let _ = writeln!(
            text,
            "These are the {WAITING_MOST} that asked last; there may be more."
        );
    }
    text + &to_name("one", "VLAN", "MAC")
}

fn messages_of(messages: u64) -> String {
    count(usize::try_from(messages).unwrap_or(usize::MAX), "message")
}

fn rendered(why: &Why) -> String {
    let link = why.link.as_ref();
    let link = link.map_or_else(String::new, |link| format!("{link}: "));
    let mut text = format!("{link}{}\n", verdict(why));
    text.push_str(&boot::last(why));
    for ReservedRow {
        vlan,
        host,
        addresses,
        obstacles,
    } in &why.reserved
    {
        if addresses.is_empty() {
            let _ = writeln!(text, "It is {host}, which is known in VLAN {vlan}.");
            continue;
        }
        let _ = writeln!(
            text,
            "It is {host}: {} is reserved for it in VLAN {vlan}.",
            joined(addresses)
        );
        for obstacle in obstacles {
            text.push_str(&hindered(obstacle));
        }
        if obstacles.iter().all(|obstacle| obstacle.gives_way) {
            text.push_str(&moving(why, vlan, addresses));
        }
    }
    text.push_str(&quarantined(why));
    text.push_str(&elsewhere(why));
    text.push_str(&naming(why));
    for one in &why.exchanges {
        let _ = writeln!(text, "  {}", exchange::line(one));
    }
    text
}

fn joined(addresses: &[Ipv4Addr]) -> String {
    let words: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    words.join(", ")
}

/// The quarantines that it has to do with; those that keep it from its own address are told of there.
fn quarantined(why: &Why) -> String {
    let mut text = String::new();
    let told: Vec<_> = why.reserved.iter().flat_map(|own| &own.obstacles).collect();
    for one in &why.quarantines {
        let QuarantineRow {
            address,
            until,
            because,
        } = one;
        if !told.iter().any(|obstacle| obstacle.address == *address) {
            let _ = writeln!(text, "{address} is in quarantine until {until}: {because}.");
        }
    }
    text
}

/// Why it has not an address that is reserved for it.
fn hindered(obstacle: &ObstacleRow) -> String {
    let ObstacleRow {
        address,
        because,
        until,
        gives_way,
    } = obstacle;
    let until = until.map_or_else(String::new, |until| format!(", until {until}"));
    if *gives_way {
        format!(
            "{address} is leased under another identifier of this machine ({because}{until}): it gets it as soon as it asks.\n"
        )
    } else {
        format!("It cannot have {address} just now: {because}{until}.\n")
    }
}

/// Where a machine has another address than the one that is reserved for it: it moves there.
fn moving(why: &Why, vlan: &VlanPath, reserved: &[Ipv4Addr]) -> String {
    let active = why.leases.iter();
    let active = active.filter(|lease| lease.state == LeaseState::Active);
    let here = active.filter(|lease| lease.vlan.as_ref() == Some(vlan));
    let (own, others): (Vec<_>, Vec<_>) = here.partition(|lease| reserved.contains(&lease.address));
    if !own.is_empty() || others.is_empty() {
        return String::new();
    }
    let others: Vec<_> = others.iter().map(|lease| lease.address).collect();
    format!(
        "It has {} until it asks anew (a restart of its DHCP client will do), and moves then; what is in no range any more it cannot renew.\n",
        joined(&others)
    )
}

/// The answer in a sentence.
fn verdict(why: &Why) -> String {
    let mac = why.mac;
    let is_active = |lease: &&LeaseRow| lease.state == LeaseState::Active;
    let has: Vec<_> = why.leases.iter().filter(is_active).collect();
    if !has.is_empty() {
        let has: Vec<_> = has.iter().map(|lease| lease.address.to_string()).collect();
        return format!("{mac} has {}.", has.join(", "));
    }
    match why.exchanges.last() {
        None => format!(
            "{mac} has no address, and nothing was heard of it lately: see that its link is up, that it is in a VLAN that is served, and that a relay agent between forwards to this controller."
        ),
        Some(last) if last.outcome == Outcome::TOLD_PROGRAM => {
            format!("{mac} was told what to boot; another server gives it its address.")
        }
        Some(last) => match &last.because {
            // The reason speaks of that address.
            Some(because) if last.outcome == Outcome::REFUSED => {
                let refused = last.address.map(|address| format!(" {address}"));
                let refused = refused.unwrap_or_default();
                format!("{mac} has no address, and was refused{refused}: {because}.")
            }
            Some(because) => format!("{}: {because}.", lack(mac, last)),
            None if !why.quarantines.is_empty() => format!("{}.", lack(mac, last)),
            None => format!(
                "{}; the last that was heard of it is below.",
                lack(mac, last)
            ),
        },
    }
}

/// That it has no lease, and no address either unless it asked from one and was given none.
fn lack(mac: MacAddr, last: &ExchangeRow) -> String {
    let is_from = match last.message.as_deref() {
        Some("inform") => true,
        Some("request") => last.outcome == Outcome::UNANSWERED,
        Some(_) | None => false,
    };
    match last.has.filter(|_| is_from) {
        Some(address) => format!("{mac} has no lease, and says that it has {address}"),
        None => format!("{mac} has no address"),
    }
}

/// A machine that hangs where nothing is reserved for it.
fn elsewhere(why: &Why) -> String {
    let vlan = why.exchanges.last().and_then(|last| last.vlan.as_ref());
    let Some(vlan) = vlan else {
        return String::new();
    };
    let is_here = why.reserved.iter().any(|reserved| reserved.vlan == *vlan);
    if is_here || why.reserved.is_empty() {
        return String::new();
    }
    format!(
        "It came in VLAN {vlan}, where nothing is reserved for it: see where it is plugged in.\n"
    )
}

/// How one that waits to be named is named.
fn naming(why: &Why) -> String {
    let last = why.exchanges.last();
    let held = last.filter(|last| last.reason.as_deref() == Some(HELD));
    let Some(vlan) = held.and_then(|last| last.vlan.as_ref()) else {
        return String::new();
    };
    to_name("it", &vlan.to_string(), &why.mac.to_string())
}

/// How whoever waits is named, in a line of a site.
fn to_name(whom: &str, vlan: &str, mac: &str) -> String {
    format!(
        "To name {whom}, give a machine of the site an interface with its MAC in its VLAN, and apply: machine \"NAME\" {{ ethernet \"eth0\" vlan=\"{vlan}\" mac=\"{mac}\" }}\n"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::moment::Moment;

    const VLAN: &str = "plant/pxe";

    fn lease(address: u8, state: LeaseState) -> LeaseRow {
        LeaseRow {
            address: [10, 0, 0, address].into(),
            hardware: "02:00:00:00:00:01".to_owned(),
            client_id: None,
            state,
            name: None,
            vlan: Some(VLAN.parse().unwrap()),
            since: None,
            expires: None,
        }
    }

    fn obstacle(gives_way: bool) -> ObstacleRow {
        ObstacleRow {
            address: [10, 0, 0, 11].into(),
            because: "02:00:00:00:00:09 has it".to_owned(),
            until: Some(Moment(0)),
            gives_way,
        }
    }

    /// What is said of a machine that 10.0.0.11 is reserved for.
    fn told(leases: Vec<LeaseRow>, obstacles: Vec<ObstacleRow>) -> String {
        rendered(&Why {
            mac: "02:00:00:00:00:01".parse().unwrap(),
            link: None,
            leases,
            reserved: vec![ReservedRow {
                vlan: VLAN.parse().unwrap(),
                host: "node-01".parse().unwrap(),
                addresses: vec![[10, 0, 0, 11].into()],
                obstacles,
            }],
            quarantines: Vec::new(),
            exchanges: Vec::new(),
        })
    }

    #[test]
    fn messages_are_counted_in_words() {
        for (messages, expected) in [(0, "0 messages"), (1, "1 message"), (2, "2 messages")] {
            assert_eq!(messages_of(messages), expected);
        }
    }

    #[test]
    fn a_list_that_is_full_says_so() {
        const MORE: &str = "These are the 1024 that asked last; there may be more.";
        for (waiting, expected) in [(0, false), (1, false), (1023, false), (1024, true)] {
            let row = WaitingRow {
                hardware: "02:00:00:00:00:01".to_owned(),
                vlan: VLAN.parse().unwrap(),
                since: Moment(0),
                heard: Moment(0),
                messages: 1,
            };
            let text = listed(vec![row; waiting]);
            let lines: Vec<_> = text.lines().collect();
            let last_but_one = lines.len().checked_sub(2).map(|at| lines[at]);
            assert_eq!(last_but_one == Some(MORE), expected, "{waiting}");
        }
    }

    /// A reason speaks of an address, and not of the machine: where it stands alone, it is told which one.
    #[test]
    fn what_was_refused_is_said_with_its_reason() {
        let refused = json!({
            "at": 0, "message": "request", "outcome": "refused", "address": "10.0.0.50",
            "reason": "reserved", "because": "it is reserved for m2"
        });
        let silent = json!({
            "at": 0, "message": "request", "outcome": "unanswered",
            "reason": "other-server", "because": "it chose another server, 10.0.0.7"
        });
        let renewing = json!({
            "at": 0, "message": "request", "outcome": "unanswered", "has": "10.0.0.8",
            "reason": "store-trouble", "because": "the store takes nothing"
        });
        let informed =
            json!({ "at": 0, "message": "inform", "outcome": "informed", "has": "10.0.0.8" });
        let released =
            json!({ "at": 0, "message": "release", "outcome": "released", "has": "10.0.0.8" });
        let renewed =
            json!({ "at": 0, "message": "request", "outcome": "acknowledged", "has": "10.0.0.8" });
        for (exchange, expected) in [
            (
                renewed,
                "02:00:00:00:00:01 has no address; the last that was heard of it is below.",
            ),
            (
                renewing,
                "02:00:00:00:00:01 has no lease, and says that it has 10.0.0.8: the store takes nothing.",
            ),
            (
                informed,
                "02:00:00:00:00:01 has no lease, and says that it has 10.0.0.8; the last that was heard of it is below.",
            ),
            (
                released,
                "02:00:00:00:00:01 has no address; the last that was heard of it is below.",
            ),
            (
                refused,
                "02:00:00:00:00:01 has no address, and was refused 10.0.0.50: it is reserved for m2.",
            ),
            (
                silent,
                "02:00:00:00:00:01 has no address: it chose another server, 10.0.0.7.",
            ),
        ] {
            let why = json!({
                "mac": "02:00:00:00:00:01", "leases": [], "reserved": [], "exchanges": [exchange]
            });
            let text = rendered(&serde_json::from_value(why).unwrap());
            assert_eq!(text.lines().next(), Some(expected));
        }
    }

    #[test]
    fn what_gives_way_and_what_moves_is_said() {
        const GIVES: &str = "10.0.0.11 is leased under another identifier of this machine (02:00:00:00:00:09 has it, until 1970-01-01 00:00:00 UTC): it gets it as soon as it asks.";
        const CANNOT: &str = "It cannot have 10.0.0.11 just now: 02:00:00:00:00:09 has it, until 1970-01-01 00:00:00 UTC.";
        const MOVES: &str = "It has 10.0.0.50 until it asks anew (a restart of its DHCP client will do), and moves then; what is in no range any more it cannot renew.";
        const HAS: &str = "02:00:00:00:00:01 has 10.0.0.50.";
        let active = |address| lease(address, LeaseState::Active);
        for (leases, obstacles, expected) in [
            (vec![], vec![obstacle(true)], vec![GIVES]),
            (vec![], vec![obstacle(false)], vec![CANNOT]),
            (vec![active(50)], vec![], vec![HAS, MOVES]),
            (
                vec![active(50)],
                vec![obstacle(true)],
                vec![HAS, GIVES, MOVES],
            ),
            // It has to wait, and what it has meanwhile it keeps.
            (vec![active(50)], vec![obstacle(false)], vec![HAS, CANNOT]),
            (
                vec![active(11)],
                vec![],
                vec!["02:00:00:00:00:01 has 10.0.0.11."],
            ),
            (vec![lease(50, LeaseState::Idle)], vec![], vec![]),
        ] {
            let told = told(leases, obstacles);
            for words in [GIVES, CANNOT, MOVES, HAS] {
                let is_said = told.lines().any(|line| line == words);
                assert_eq!(is_said, expected.contains(&words), "{words}: {told}");
            }
            assert!(expected.iter().all(|words| told.contains(words)), "{told}");
        }
    }
}
