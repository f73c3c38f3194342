//! `bedplate leases`: who has which address; and `bedplate leases release`, which ends that.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use super::args::{LeasesArguments, LeasesDeed};
use super::client::Client;
use super::output::Output;
use super::table::Table;
use crate::base::duration::Seconds;
use crate::base::moment::Moment;
use crate::daemon::{LeaseRow, StateFilter, now};
use crate::diag::fault::Fault;
use crate::serve::dhcp::LeaseState;

pub(super) async fn leases(
    arguments: &LeasesArguments,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    if let Some(LeasesDeed::Release { address }) = arguments.deed {
        return release(address, client, out).await;
    }
    let leases: Vec<LeaseRow> = client.get(&format!("leases{}", query(arguments))).await?;
    if out.json {
        out.value(&leases)?;
    } else {
        out.text(&rendered(&leases));
    }
    Ok(ExitCode::SUCCESS)
}

/// The filter behind the path; what it may consist of needs no escapes.
fn query(arguments: &LeasesArguments) -> String {
    let word = |state: StateFilter| {
        let mut words = StateFilter::WORDS.into_iter();
        words.find(|(_, own)| *own == state).map(|(word, _)| word)
    };
    let parts = [
        ("vlan", arguments.vlan.clone()),
        ("subnet", arguments.subnet.map(|subnet| subnet.to_string())),
        ("mac", arguments.mac.map(|mac| mac.to_string())),
        ("name", arguments.name.clone()),
        ("state", arguments.state.and_then(word).map(str::to_owned)),
    ];
    let parts = parts.into_iter();
    let parts = parts.filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() {
        return String::new();
    }
    format!("?{}", parts.join("&"))
}

pub(super) fn rendered(leases: &[LeaseRow]) -> String {
    let now = now();
    let mut table = Table::default();
    table.row(["ADDRESS", "HARDWARE", "STATE", "LEFT", "VLAN", "NAME"].map(str::to_owned));
    for lease in leases {
        let none = || "-".to_owned();
        table.row([
            lease.address.to_string(),
            lease.hardware.clone(),
            word(lease, now).to_owned(),
            left(lease, now),
            lease.vlan.as_ref().map_or_else(none, ToString::to_string),
            lease.name.as_ref().map_or_else(none, ToString::to_string),
        ]);
    }
    table.text()
}

/// Its state, by the words of `bedplate ip`.
fn word(lease: &LeaseRow, now: Moment) -> &'static str {
    let is_over = lease.expires.is_some_and(|expires| expires <= now.0);
    match lease.state {
        LeaseState::Offered => "offered",
        LeaseState::Active if is_over => "held",
        LeaseState::Active => "active",
        LeaseState::Idle => "idle",
        LeaseState::Declined => "declined",
    }
}

/// How long it lasts yet.
fn left(lease: &LeaseRow, now: Moment) -> String {
    match (lease.state, lease.expires) {
        (LeaseState::Idle, ended) => {
            let past = ended.map_or(0, |ended| now.0.saturating_sub(ended));
            let past = Seconds(u32::try_from(past).unwrap_or(u32::MAX));
            format!("none for {past}")
        }
        (LeaseState::Active | LeaseState::Offered | LeaseState::Declined, None) => {
            "for ever".to_owned()
        }
        (LeaseState::Active | LeaseState::Offered | LeaseState::Declined, Some(expires)) => {
            let left = expires.saturating_sub(now.0);
            Seconds(u32::try_from(left).unwrap_or(u32::MAX)).to_string()
        }
    }
}

async fn release(address: Ipv4Addr, client: &Client, out: &Output) -> Result<ExitCode, Fault> {
    let path = format!("leases/{address}/release");
    let lease: LeaseRow = client.post(&path, &()).await?;
    if out.json {
        out.value(&lease)?;
        return Ok(ExitCode::SUCCESS);
    }
    out.text(&released(&lease));
    Ok(ExitCode::SUCCESS)
}

/// What was ended by hand, and what its client makes of that.
fn released(lease: &LeaseRow) -> String {
    let (address, hardware) = (lease.address, &lease.hardware);
    let is_endless = lease.expires.is_none();
    match lease.state {
        LeaseState::Declined => format!("{address} is out of quarantine.\n"),
        LeaseState::Active | LeaseState::Offered | LeaseState::Idle if is_endless => format!(
            "Ended the lease of {address} by {hardware}, which was for ever. The client is not told, and never renews: it uses the address until it starts anew.\n"
        ),
        LeaseState::Active | LeaseState::Offered | LeaseState::Idle => format!(
            "Ended the lease of {address} by {hardware}. The client is not told: it uses the address until its next renewal.\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who has an address for ever asks for it but once.
    #[test]
    fn what_its_client_makes_of_a_release_is_said() {
        for (state, expires, expected) in [
            (LeaseState::Active, Some(1), "until its next renewal."),
            (
                LeaseState::Active,
                None,
                "for ever. The client is not told, and never renews: it uses the address until it starts anew.",
            ),
            (LeaseState::Declined, Some(1), "out of quarantine."),
        ] {
            let said = released(&row(state, expires));
            assert!(said.trim_end().ends_with(expected), "{said}");
        }
    }

    fn row(state: LeaseState, expires: Option<u64>) -> LeaseRow {
        LeaseRow {
            address: [10, 0, 0, 9].into(),
            hardware: "02:00:00:00:00:01".to_owned(),
            client_id: None,
            state,
            name: None,
            vlan: None,
            since: None,
            expires,
        }
    }

    /// One of each, and of each state what is left.
    #[test]
    fn each_lease_is_a_line_with_its_state() {
        let now = now().0;
        for (state, expires, expected) in [
            (LeaseState::Active, Some(now + 100_000), "active 1d"),
            (LeaseState::Active, None, "active for ever"),
            (LeaseState::Active, Some(now - 5), "held 0s"),
            (LeaseState::Offered, Some(now - 5), "offered 0s"),
            (LeaseState::Declined, Some(now - 5), "declined 0s"),
            (LeaseState::Idle, Some(now - 3600), "idle none for 1h"),
        ] {
            let text = rendered(&[row(state, expires)]);
            let line: Vec<_> = text.lines().last().unwrap().split_whitespace().collect();
            let shown = line[2..line.len() - 2].join(" ");
            assert!(shown.starts_with(expected), "{expected}: {text}");
        }
    }
}
