//! `bedplate ip`: what each address is, who had it, which is the next one, and which can be had back.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;

use super::args::{IpArguments, IpDeed, IpWhat};
use super::client::Client;
use super::leases::rendered as lease_table;
use super::output::Output;
use super::table::Table;
use crate::base::addr::Prefix;
use crate::base::duration::Seconds;
use crate::base::moment::Moment;
use crate::daemon::{
    AddressDetail, AddressRow, AddressUse, Conflict, Counts, IpOverview, MacDetail, NextAddress,
    PastRow, Reclaim, Reclaimable, Reclaimed, SubnetListing, SubnetRow, now,
};
use crate::diag::fault::Fault;
use crate::serve::dhcp::Ending;

/// Lines of conflicts shown; the rest is counted.
const SHOWN: usize = 50;

pub(super) async fn ip(
    arguments: &IpArguments,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    match (&arguments.deed, &arguments.what) {
        (Some(IpDeed::Next { subnet }), _) => next(*subnet, client, out).await,
        (Some(IpDeed::Reclaim { subnet, yes }), _) => reclaim(*subnet, *yes, client, out).await,
        (None, None) => {
            let overview: IpOverview = client.get("ip").await?;
            tell(&overview, overview_text(&overview), out)
        }
        (None, Some(IpWhat::Subnet(subnet))) => {
            let path = format!("ip/subnet?subnet={subnet}");
            let listings: Vec<SubnetListing> = client.get(&path).await?;
            tell(&listings, listings.iter().map(listing_text).collect(), out)
        }
        (None, Some(IpWhat::Address(address))) => {
            let detail: AddressDetail = client.get(&format!("ip/address/{address}")).await?;
            tell(&detail, address_text(*address, &detail), out)
        }
        (None, Some(IpWhat::Mac(mac))) => {
            let detail: MacDetail = client.get(&format!("ip/mac/{mac}")).await?;
            tell(&detail, mac_text(&detail), out)
        }
    }
}

fn tell(value: &impl serde::Serialize, text: String, out: &Output) -> Result<ExitCode, Fault> {
    if out.json {
        out.value(value)?;
    } else {
        out.text(&text);
    }
    Ok(ExitCode::SUCCESS)
}

fn overview_text(overview: &IpOverview) -> String {
    if overview.subnets.is_empty() && overview.outside.is_empty() {
        return "No site is applied yet.\n".to_owned();
    }
    let mut table = Table::default();
    table.row(["SUBNET", "VLAN", "USED", "SIZE", "FREE", "IN USE"].map(str::to_owned));
    for row in &overview.subnets {
        table.row(subnet_cells(row));
        for range in &row.ranges {
            table.row([
                format!("  {}", range.range),
                String::new(),
                format!("{} %", range.used_percent),
                many(range.size),
                many(range.counts.free),
                in_use(&range.counts),
            ]);
        }
    }
    let mut text = table.text();
    if !overview.outside.is_empty() {
        let _ = writeln!(text, "In no subnet of the site:");
        text.push_str(&rows_text(&overview.outside));
    }
    text + &conflicts_text(&overview.conflicts)
}

fn subnet_cells(row: &SubnetRow) -> [String; 6] {
    [
        row.subnet.to_string(),
        row.vlan.to_string(),
        format!("{} %", row.used_percent),
        many(row.size),
        many(row.counts.free),
        in_use(&row.counts),
    ]
}

/// A number as people read it: nobody counts the addresses of a /64.
fn many(number: u64) -> String {
    const COUNTABLE: u64 = 1 << 33;
    if number < COUNTABLE {
        number.to_string()
    } else {
        "many".to_owned()
    }
}

/// What addresses are that are not free, each kind with its number.
fn in_use(counts: &Counts) -> String {
    let kinds = [
        (counts.declared, AddressUse::Declared),
        (counts.auto, AddressUse::Auto),
        (counts.reserved, AddressUse::Reserved),
        (counts.leased, AddressUse::Leased),
        (counts.held, AddressUse::Held),
        (counts.offered, AddressUse::Offered),
        (counts.quarantined, AddressUse::Quarantined),
        (counts.stranded, AddressUse::Stranded),
        (counts.reserved_range, AddressUse::ReservedRange),
        (counts.unmanaged, AddressUse::Unmanaged),
        (counts.seen, AddressUse::Seen),
    ];
    let told = kinds.into_iter().filter(|(number, _)| *number > 0);
    let told = told.map(|(number, what)| format!("{} {}", many(number), what.as_str()));
    let told: Vec<_> = told.collect();
    told.join(", ")
}

fn listing_text(listing: &SubnetListing) -> String {
    let row = &listing.subnet;
    let mut text = format!(
        "{} in VLAN {}: {} % of {} in use\n",
        row.subnet,
        row.vlan,
        row.used_percent,
        many(row.size)
    );
    text.push_str(&rows_text(&listing.addresses));
    text + &conflicts_text(&listing.conflicts)
}

fn rows_text(rows: &[AddressRow]) -> String {
    let mut table = Table::default();
    for row in rows {
        let hardware = row.hardware.clone().unwrap_or_default();
        table.row([
            addresses(row.first, row.last),
            row.what.as_str().to_owned(),
            hardware,
            about(row),
        ]);
    }
    table.text()
}

/// Whose an address is, and what else is known of it.
fn about(row: &AddressRow) -> String {
    let place = match (row.what, row.range) {
        (AddressUse::Free | AddressUse::Unmanaged, Some(range)) => Some(format!("range {range}")),
        (AddressUse::ReservedRange, _) => row.purpose.as_ref().map(|own| format!("for {own}")),
        _ => None,
    };
    let left = row.expires.map(|expires| {
        let left = u32::try_from(expires.saturating_sub(now().0)).unwrap_or(u32::MAX);
        format!("{} left", Seconds(left))
    });
    // One that is given to nobody has it as what it is.
    let is_barred = row.is_quarantined && row.what != AddressUse::Quarantined;
    let seen = row.seen.map(|mac| format!("{mac} answered there"));
    let is_news = row.seen.map(|mac| mac.to_string()) != row.hardware;
    let parts = [
        row.who.clone(),
        row.name.as_ref().map(ToString::to_string),
        place,
        is_barred.then(|| "in quarantine".to_owned()),
        left,
        seen.filter(|_| is_news),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

fn conflicts_text(conflicts: &[Conflict]) -> String {
    let mut text = String::new();
    let mut left = conflicts.len();
    for alike in conflicts.chunk_by(is_next).take(SHOWN) {
        let ([first, .., last] | [first @ last]) = alike else {
            continue;
        };
        left -= alike.len();
        let addresses = addresses(first.address, last.address);
        let _ = writeln!(text, "! {addresses}: {}", first.because);
    }
    if left > 0 {
        let _ = writeln!(text, "… and {left} more; --json tells all");
    }
    text
}

/// Whether the same is in dispute of the address after another one.
fn is_next(one: &Conflict, next: &Conflict) -> bool {
    let after = match one.address {
        IpAddr::V4(address) => u32::from(address)
            .checked_add(1)
            .map(|address| IpAddr::from(Ipv4Addr::from(address))),
        IpAddr::V6(address) => u128::from(address)
            .checked_add(1)
            .map(|address| IpAddr::from(Ipv6Addr::from(address))),
    };
    after == Some(next.address) && (one.kind, &one.because) == (next.kind, &next.because)
}

/// An address, or several in a row.
fn addresses(first: IpAddr, last: IpAddr) -> String {
    match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    }
}

fn address_text(address: IpAddr, detail: &AddressDetail) -> String {
    let mut text = match (&detail.subnet, &detail.vlan) {
        (Some(subnet), Some(vlan)) => format!("{address} is in {subnet} of VLAN {vlan}.\n"),
        _ => format!("{address} is in no subnet of the site.\n"),
    };
    if let Some(row) = &detail.address {
        text.push_str(&rows_text(std::slice::from_ref(row)));
        if let Some(origin) = &row.origin {
            let _ = writeln!(text, "  said at {origin}");
        }
    }
    if let Some(lease) = &detail.lease {
        text.push_str(&lease_table(std::slice::from_ref(lease)));
    }
    text.push_str(&history_text(&detail.history));
    text + &conflicts_text(&detail.conflicts)
}

fn mac_text(detail: &MacDetail) -> String {
    let mac = detail.mac;
    let mut text = String::new();
    if detail.declared.is_empty() && detail.leases.is_empty() {
        let _ = writeln!(text, "{mac} has no address, and none is declared for it.");
    }
    text.push_str(&rows_text(&detail.declared));
    if !detail.leases.is_empty() {
        text.push_str(&lease_table(&detail.leases));
    }
    for address in &detail.seen {
        let _ = writeln!(text, "  it answered at {address}");
    }
    text.push_str(&history_text(&detail.history));
    text + &conflicts_text(&detail.conflicts)
}

fn history_text(history: &[PastRow]) -> String {
    if history.is_empty() {
        return String::new();
    }
    let mut table = Table::default();
    table.row(["FROM", "TO", "ADDRESS", "HARDWARE", "ENDED", "NAME"].map(str::to_owned));
    for past in history {
        let since = past.since.map(|since| Moment(since).to_string());
        let kind = if past.is_quarantine {
            "quarantine "
        } else {
            ""
        };
        table.row([
            since.unwrap_or_else(|| "-".to_owned()),
            Moment(past.until).to_string(),
            past.address.to_string(),
            past.hardware.clone(),
            format!("{kind}{}", ended(past.how)),
            past.name
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
        ]);
    }
    table.text()
}

fn ended(how: Ending) -> &'static str {
    match how {
        Ending::Expired => "expired",
        Ending::Released => "released",
        Ending::Declined => "declined",
        Ending::Revoked => "revoked",
        Ending::Reassigned => "reassigned",
        Ending::Replaced => "replaced",
        Ending::Moved => "moved",
        Ending::Withdrawn => "withdrawn",
    }
}

/// The exit code is 1 where a subnet has no address left.
async fn next(subnet: Prefix, client: &Client, out: &Output) -> Result<ExitCode, Fault> {
    let path = format!("ip/next?subnet={subnet}");
    let found: Vec<NextAddress> = client.get(&path).await?;
    let is_full = found.iter().any(|one| one.address.is_none());
    tell(&found, found.iter().map(next_text).collect(), out)?;
    Ok(ExitCode::from(u8::from(is_full)))
}

fn next_text(next: &NextAddress) -> String {
    let mut text = match (next.address, next.range) {
        (None, _) => format!("{} has no free address left.\n", next.subnet),
        (Some(address), None) => format!("{address}  outside of all ranges\n"),
        (Some(address), Some(range)) => {
            let purpose = next.purpose.as_ref();
            let purpose = purpose.map_or_else(String::new, |own| format!(" for {own}"));
            format!("{address}  from the reserved range {range}{purpose}\n")
        }
    };
    for passed in &next.passed {
        let _ = writeln!(text, "  not {}: {}", passed.address, passed.because);
    }
    text
}

async fn reclaim(
    subnet: Option<Prefix>,
    yes: bool,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let within = subnet.map_or_else(String::new, |subnet| format!("?subnet={subnet}"));
    let path = format!("ip/reclaim{within}");
    let found: Vec<Reclaimable> = client.get(&path).await?;
    if found.is_empty() {
        return tell(
            &Reclaimed::default(),
            "Nothing to reclaim.\n".to_owned(),
            out,
        );
    }
    if !out.json {
        out.text(&reclaimable_text(&found));
    }
    if !yes && !agreed(found.len(), out)? {
        out.progress("Nothing is freed.");
        return Ok(ExitCode::from(1));
    }
    let addresses = found.iter().map(|one| one.address).collect();
    let reclaimed: Reclaimed = client.post(&path, &Reclaim { addresses }).await?;
    let is_whole = reclaimed.kept.is_empty();
    tell(&reclaimed, reclaimed_text(&reclaimed), out)?;
    Ok(ExitCode::from(if is_whole { 0 } else { 4 }))
}

fn agreed(addresses: usize, out: &Output) -> Result<bool, Fault> {
    let question = match addresses {
        1 => "Free this address?".to_owned(),
        _ => format!("Free these {addresses} addresses?"),
    };
    out.agreed(
        &question,
        "see what would be freed, then free it with --yes",
    )
}

fn reclaimable_text(found: &[Reclaimable]) -> String {
    let mut table = Table::default();
    for one in found {
        table.row([
            one.address.to_string(),
            one.hardware.clone(),
            one.because.clone(),
        ]);
    }
    table.text()
}

fn reclaimed_text(reclaimed: &Reclaimed) -> String {
    let mut text = format!("Freed {}.\n", reclaimed.freed.len());
    for kept in &reclaimed.kept {
        let _ = writeln!(text, "  kept {}: {}", kept.address, kept.because);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::ConflictKind;

    fn declined(last: u8, by: u8) -> Conflict {
        Conflict {
            address: [10, 0, 0, last].into(),
            kind: ConflictKind::Declined,
            because: format!("02:00:00:00:00:0{by} found it in use by another"),
        }
    }

    fn check(conflicts: &[Conflict], expected: &str) {
        assert_eq!(conflicts_text(conflicts), expected);
    }

    /// Whose time is left is said: not of the lease of whom it is reserved for.
    #[test]
    fn what_is_given_to_somebody_and_in_quarantine_is_both() {
        for (what, expected) in [
            ("reserved", "machine node-01/eth0, in quarantine, "),
            ("quarantined", "machine node-01/eth0, "),
        ] {
            let row = serde_json::json!({
                "first": "10.0.0.3", "last": "10.0.0.3", "use": what, "who": "machine node-01/eth0",
                "is_quarantined": true, "expires": now().0 + 3600
            });
            let text = about(&serde_json::from_value(row).unwrap());
            let left = text.strip_prefix(expected).unwrap();
            assert!(left.ends_with(" left") && !left.contains(','), "{text}");
        }
    }

    #[test]
    fn conflicts_in_a_row_that_are_alike_are_one_line() {
        check(&[], "");
        check(
            &[
                declined(3, 1),
                declined(4, 1),
                declined(5, 1),
                declined(6, 2),
                declined(8, 2),
            ],
            "! 10.0.0.3-10.0.0.5: 02:00:00:00:00:01 found it in use by another\n\
             ! 10.0.0.6: 02:00:00:00:00:02 found it in use by another\n\
             ! 10.0.0.8: 02:00:00:00:00:02 found it in use by another\n",
        );
    }

    #[test]
    fn what_is_not_shown_of_conflicts_is_counted() {
        let apart: Vec<_> = (0..60).map(|number| declined(2 * number, 1)).collect();
        let text = conflicts_text(&apart);
        assert_eq!(text.lines().count(), SHOWN + 1);
        assert_eq!(text.lines().last(), Some("… and 10 more; --json tells all"));
        let row: Vec<_> = (0..60).map(|number| declined(number, 1)).collect();
        check(
            &row,
            "! 10.0.0.0-10.0.0.59: 02:00:00:00:00:01 found it in use by another\n",
        );
    }
}
