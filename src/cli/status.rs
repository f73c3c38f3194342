//! `bedplate status`: what is.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::client::Client;
use super::output::{Output, count};
use super::power::by_hand;
use crate::base::addr::Prefix;
use crate::base::duration::Seconds;
use crate::daemon::{
    AwaitedMachines, BmcSummary, BootOrderDrift, Drift, Ended, Hold, ListenerRow, MachineDrift,
    PowerDrift, Status, Tries, Unconfirmed, UnderWay, Waits, now,
};
use crate::diag::fault::Fault;
use crate::serve::dhcp::{ScopeCounters, StoreTrouble};
use crate::state::Key;

/// Machines that something is awaited of, told by name; with --json all.
const AWAITED: usize = 20;

pub(super) async fn status(client: &Client, out: &Output) -> Result<ExitCode, Fault> {
    let status: Status = client.get("status").await?;
    if out.json {
        out.value(&status)?;
    } else {
        out.text(&rendered(&status, out.verbose));
    }
    let is_incomplete = !status.drift.is_empty()
        || !status.machines.is_empty()
        || has_switched(&status)
        || !status.waiting.is_empty()
        || !status.left_out.is_empty()
        || status.store.is_some()
        || status.under_way.is_some();
    Ok(ExitCode::from(if is_incomplete { 4 } else { 0 }))
}

fn rendered(status: &Status, verbose: bool) -> String {
    if let Some(UnderWay { plan, who, since }) = &status.under_way {
        let machines = awaited(&status.machines_under_way) + &asked(status);
        return format!(
            "controller {}  bedplate {}\napplying {plan} of {who} since {since}; the rest shows once that has ended\n{machines}",
            status.controller, status.version
        );
    }
    let site = status
        .site
        .as_ref()
        .map_or_else(|| "none applied yet".to_owned(), ToString::to_string);
    let mut text = format!(
        "controller {}  site {site}  bedplate {}\n",
        status.controller, status.version
    );
    text.push_str(&counts(status));
    text.extend([locks(status), store(status)]);
    text.extend(status.listeners.iter().map(listener));
    text.push_str(&bmcs(status));
    text.push_str(&asked(status));
    text.push_str(&hooks(status));
    text.push_str(&differences(status));
    text.push_str(&(machines(status) + &powers(status) + &boot_orders(status) + &left_out(status)));
    text.push_str(&more(status));
    if status.ignored > 0 {
        let _ = writeln!(
            text,
            "  ignored: {} changed outside Bedplate, as the site says",
            status.ignored
        );
    }
    for warning in &status.warnings {
        let _ = writeln!(
            text,
            "  warning: {warning}\n    to keep it from that: {}",
            warning.help()
        );
    }
    if verbose {
        for Ended {
            key,
            what,
            since,
            until,
        } in &status.ended
        {
            let _ = writeln!(text, "  drift until {until}: {key}  {what}, since {since}");
        }
        text.push_str(&counted(status));
    }
    if let Some(reason) = &status.held_back {
        let _ = writeln!(text, "Not put back: {reason}.");
    }
    if !status.drift.is_empty() || has_switched(status) {
        text.push_str("`bedplate plan` shows each change and why; `bedplate apply` puts the site's state back.\n");
    }
    text
}

/// How many things there are of each sort, as they are listed below.
fn counts(status: &Status) -> String {
    let mut text = format!(
        "{} in place, {} drifted, {} waiting",
        count(status.in_place, "thing"),
        status.drifted,
        status.withheld
    );
    if status.omitted > 0 {
        let _ = write!(text, ", {} left out", status.omitted);
    }
    if status.unasked > 0 {
        let _ = write!(text, ", {} of machines not asked about", status.unasked);
    }
    format!("{text}, {}\n", count(status.leases, "lease"))
}

/// What is not listed any more of what is counted.
fn more(status: &Status) -> String {
    let of_machines = status.powers.len() + status.boot_orders.len() + status.left_out.len();
    let differences = status.machines.iter().map(|one| one.differences.len());
    let told = status.drift.len() + status.waiting.len() + of_machines;
    let told = told + differences.sum::<usize>();
    match (status.drifted + status.withheld + status.omitted).saturating_sub(told) {
        0 => String::new(),
        more => format!("  … and {more} more\n"),
    }
}

/// What persons are asked for.
fn asked(status: &Status) -> String {
    let asked = status.asked.iter();
    asked
        .map(|one| format!("  {} {}\n", one.machine, by_hand(one)))
        .collect()
}

/// What is awaited of machines that are looked at or switched.
fn awaited(machines: &AwaitedMachines) -> String {
    let AwaitedMachines { awaited, awaiting } = machines;
    let lines = awaited
        .iter()
        .take(AWAITED)
        .map(|one| format!("  waiting for {one}\n"));
    let text: String = lines.collect();
    match awaiting.saturating_sub(AWAITED) {
        0 => text,
        more => format!("{text}  … and {more} more\n"),
    }
}

/// Where a server answers.
fn listener(row: &ListenerRow) -> String {
    format!(
        "  {:<5} {}:{} on {}{}\n",
        row.service.as_str(),
        row.address,
        row.port,
        row.link,
        waits_for(row.waits_for.as_ref())
    )
}

/// How the BMCs do, each of those that are not fine.
fn bmcs(status: &Status) -> String {
    let Some(BmcSummary {
        fine,
        unasked,
        troubled,
        rows,
    }) = &status.bmcs
    else {
        return String::new();
    };
    let mut text = format!("  {}: {fine} fine", count(fine + unasked + troubled, "BMC"));
    if *troubled > 0 {
        let _ = write!(text, ", {troubled} not");
    }
    if *unasked > 0 {
        let _ = write!(text, ", {unasked} not asked yet");
    }
    text.push('\n');
    for row in rows {
        let _ = writeln!(
            text,
            "  bmc {} at {} {} since {}: {}",
            row.machine, row.address, row.condition, row.since, row.why
        );
        if let Some(help) = &row.help {
            let _ = writeln!(text, "    what to do: {help}");
        }
    }
    if *troubled > rows.len() {
        let _ = writeln!(text, "  … and {} more", troubled - rows.len());
    }
    text
}

/// How the hooks and webhooks do.
fn hooks(status: &Status) -> String {
    let mut text = String::new();
    let hooks = status.hooks.iter().map(|one| ("hook", one));
    let webhooks = status.webhooks.iter().map(|one| ("webhook", one));
    for (kind, (name, tally)) in hooks.chain(webhooks) {
        let _ = write!(
            text,
            "  {kind} {name}: {} delivered, {} failed, {} dropped, {} waiting",
            tally.delivered, tally.failed, tally.dropped, tally.waiting
        );
        if tally.retried > 0 {
            let _ = write!(text, ", {} retried", tally.retried);
        }
        if let (Some(error), Some(at)) = (&tally.last_error, tally.failed_at) {
            let _ = write!(text, "; last failed {at}: {error}");
        }
        text.push('\n');
    }
    text
}

/// What the servers counted.
fn counted(status: &Status) -> String {
    let counters = status.counters.iter();
    let counters = counters.map(|(name, count)| format!("  {name} {count}\n"));
    counters.chain(status.scopes.iter().map(scope)).collect()
}

/// What was asked of DHCP in a subnet, and what came of it.
fn scope((subnet, counted): (&Prefix, &ScopeCounters)) -> String {
    let ScopeCounters {
        discovers,
        requests,
        declines,
        releases,
        informs,
        bootps,
        offers,
        acks,
        naks,
        programs,
        silences,
    } = counted;
    let named = [
        ("discovers", discovers),
        ("requests", requests),
        ("declines", declines),
        ("releases", releases),
        ("informs", informs),
        ("bootps", bootps),
        ("offers", offers),
        ("acks", acks),
        ("naks", naks),
        ("programs", programs),
    ];
    let silences = silences.iter().map(|(why, count)| (why.as_ref(), count));
    let all = named.into_iter().chain(silences);
    let told = all.filter(|(_, count)| **count > 0);
    let told: Vec<_> = told
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    format!("  dhcp in {subnet}: {}\n", told.join(", "))
}

/// What is wrong with the store of leases.
fn store(status: &Status) -> String {
    let what = match status.store {
        None => return String::new(),
        Some(StoreTrouble::Slow) => "take seconds to be stored",
        Some(StoreTrouble::Failing) => "cannot be stored (is the disk full?)",
    };
    format!(
        "  leases {what}: known clients are served for as long as is promised already, new ones are not\n"
    )
}

/// What is not as the site says, and since when.
fn differences(status: &Status) -> String {
    let mut text = String::new();
    for Drift {
        key,
        what,
        since,
        needs,
        tries,
    } in &status.drift
    {
        let needs = waits_for(needs.as_ref());
        let sign = what.sign();
        let _ = write!(text, "  drift: {sign} {key}  {what}, since {since}{needs}");
        if let Some(Tries { count, next }) = tries {
            let times = if *count == 1 { "time" } else { "times" };
            let _ = write!(text, "; fought {count} {times}, next try at {next}");
        }
        text.push('\n');
    }
    for Waits { key, on, since } in &status.waiting {
        let _ = writeln!(text, "  waiting: {key}: {on}, since {since}");
    }
    text
}

/// Machines that are made of other parts than the site says.
fn machines(status: &Status) -> String {
    let mut text = String::new();
    for MachineDrift {
        machine,
        at,
        differences,
    } in &status.machines
    {
        for difference in differences {
            let _ = writeln!(text, "  drift: {machine}: {difference}, seen {at}");
        }
        let _ = writeln!(text, "    what to do: bedplate bmc inventory {machine}");
    }
    text
}

/// Machines that are not on or off as the site says.
fn powers(status: &Status) -> String {
    let mut text = String::new();
    for PowerDrift {
        machine,
        wanted,
        is,
        at,
    } in &status.powers
    {
        let _ = writeln!(
            text,
            "  drift: ~ machine/{machine}/power  state {wanted} -> {is}, seen {at}"
        );
    }
    text
}

/// What the last apply could not bring about.
fn left_out(status: &Status) -> String {
    let lines = status.left_out.iter().map(|key| {
        format!("  left out: {key}: the last apply could not see to it, and the next one tries again; `bedplate plan` or the daemon's log tells why\n")
    });
    lines.collect()
}

/// Machines that do not boot from where the site says.
fn boot_orders(status: &Status) -> String {
    let mut text = String::new();
    for BootOrderDrift {
        machine,
        changes,
        at,
    } in &status.boot_orders
    {
        let told = changes.iter();
        let told = told.map(|one| format!("{} {} -> {}", one.field, one.from, one.to));
        let told: Vec<String> = told.collect();
        let _ = writeln!(
            text,
            "  drift: ~ machine/{machine}/boot-order  {}, seen {at}",
            told.join(", ")
        );
    }
    text
}

/// Whether machines are not as the site says in what an apply sees to.
fn has_switched(status: &Status) -> bool {
    !status.powers.is_empty() || !status.boot_orders.is_empty()
}

fn waits_for(key: Option<&Key>) -> String {
    key.map_or_else(String::new, |key| format!(", waits for {key}"))
}

/// What keeps others from applying, and how that ends.
fn locks(status: &Status) -> String {
    let mut text = String::new();
    if let Some(waits) = &status.unconfirmed {
        let Unconfirmed {
            plan,
            who,
            since,
            until,
        } = waits;
        let left = until.from(now()).unwrap_or(Seconds(0));
        let _ = writeln!(
            text,
            "  unconfirmed: {plan}, applied {since} by {who}, goes back at {until} (in {left}); `bedplate confirm` keeps it, `bedplate rollback` goes back at once"
        );
    }
    if let Some(Hold { who, since, reason }) = &status.hold {
        let _ = writeln!(
            text,
            "  on hold: {reason} ({who}, since {since}); `bedplate unlock` ends that"
        );
    }
    text
}
