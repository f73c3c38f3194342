//! What `bedplate why` says of one message: what came of it, and where it came from.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use super::boot;
use crate::cli::table::shown;
use crate::daemon::{ExchangeRow, InUseRow};
use crate::serve::dhcp::Outcome;

/// The message, what came of it, and where it came from.
pub(super) fn line(exchange: &ExchangeRow) -> String {
    let message = exchange.message.as_deref().unwrap_or("unreadable");
    let mut line = format!("{}  {:<10}", exchange.at, message.to_uppercase());
    let boot = exchange.boot.as_ref().map(boot::told);
    let is_told_alone = exchange.outcome == Outcome::TOLD_PROGRAM;
    let outcome = boot.as_ref().filter(|_| is_told_alone);
    let _ = write!(line, "  {}", outcome.unwrap_or(&exchange.outcome));
    // An INFORM asks for no address: it comes from one.
    let is_inform = exchange.message.as_deref() == Some("inform");
    let asks = if is_inform { "from " } else { "asks for " };
    for (word, address) in [("", exchange.address), (asks, asked(exchange))] {
        if let Some(address) = address {
            let comma = if is_told_alone { "," } else { "" };
            let _ = write!(line, "{comma} {word}{address}");
        }
    }
    if let Some(because) = &exchange.because {
        let _ = write!(line, ": {because}");
    } else if let Some(boot) = boot.filter(|_| !is_told_alone) {
        let _ = write!(line, ", {boot}");
    }
    if !exchange.in_use.is_empty() {
        let _ = write!(line, "; before that {}", found(&exchange.in_use));
    }
    if exchange.is_unechoed {
        line.push_str("; the answer went without option 82, for which it had no room");
    }
    let place = place(exchange);
    if !place.is_empty() {
        let _ = write!(line, " ({})", place.join(", "));
    }
    line
}

/// What was free for it and turned out to be in use, by whom.
fn found(in_use: &[InUseRow]) -> String {
    let found = in_use.iter().map(|InUseRow { address, by }| {
        let by = by.map_or_else(|| "somebody".to_owned(), |by| by.to_string());
        format!("{address} was found in use by {by}")
    });
    found.collect::<Vec<_>>().join(", ")
}

/// The address that the client named, where the outcome does not say it already.
fn asked(exchange: &ExchangeRow) -> Option<Ipv4Addr> {
    let named = exchange.requested.or(exchange.has);
    named.filter(|_| exchange.address != named)
}

/// Where the message came from, and what else mattered.
fn place(exchange: &ExchangeRow) -> Vec<String> {
    let ExchangeRow {
        link,
        vlan,
        relay,
        subnet,
        circuit,
        server,
        client_id,
        vendor_class,
        uuid,
        ..
    } = exchange;
    let parts = [
        link.as_ref().map(|link| format!("on {link}")),
        vlan.as_ref().map(|vlan| format!("VLAN {vlan}")),
        relay.map(|relay| format!("through relay {relay}")),
        subnet.map(|subnet| format!("for subnet {subnet}")),
        circuit.as_ref().map(|circuit| format!("circuit {circuit}")),
        server.map(|server| format!("to server {server}")),
        client_id.as_ref().map(|id| format!("client-id {id}")),
        vendor_class
            .as_ref()
            .map(|class| format!("class {}", shown(class.clone()))),
        uuid.as_ref().map(|uuid| format!("uuid {uuid}")),
    ];
    parts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// What is said of an exchange that a daemon tells of so, its time aside.
    fn check(told: Value, expected: &str) {
        let mut exchange = json!({ "at": 0 });
        exchange
            .as_object_mut()
            .unwrap()
            .extend(told.as_object().unwrap().clone());
        let line = line(&serde_json::from_value(exchange).unwrap());
        assert_eq!(
            line.strip_prefix("1970-01-01 00:00:00 UTC  ").unwrap(),
            expected
        );
    }

    #[test]
    fn what_was_found_in_use_is_told_with_its_request() {
        let offered = json!({
            "message": "discover", "outcome": "offered", "address": "10.0.0.12", "in_use": [
                { "address": "10.0.0.10", "by": "02:00:00:00:00:ee" }, { "address": "10.0.0.11", "by": null }
            ]
        });
        check(
            offered,
            "DISCOVER    offered 10.0.0.12; before that 10.0.0.10 was found in use by 02:00:00:00:00:ee, 10.0.0.11 was found in use by somebody",
        );
    }

    #[test]
    fn what_is_asked_for_and_what_is_had_already_are_told_apart() {
        for (message, expected) in [
            ("inform", "INFORM      informed from 10.0.0.8"),
            ("request", "REQUEST     informed asks for 10.0.0.8"),
        ] {
            let told = json!({ "message": message, "outcome": "informed", "has": "10.0.0.8" });
            check(told, expected);
        }
    }

    #[test]
    fn an_answer_without_option_82_is_told_of() {
        const LACKS: &str = "; the answer went without option 82, for which it had no room";
        let offered = json!({
            "message": "discover", "outcome": "offered", "address": "10.0.0.10", "is_unechoed": true,
            "relay": "10.0.0.3"
        });
        check(
            offered,
            &format!("DISCOVER    offered 10.0.0.10{LACKS} (through relay 10.0.0.3)"),
        );
        let refused = json!({
            "message": "request", "outcome": "refused", "address": "10.0.0.10", "is_unechoed": true,
            "reason": "reserved", "because": "it is reserved for m2"
        });
        check(
            refused,
            &format!("REQUEST     refused 10.0.0.10: it is reserved for m2{LACKS}"),
        );
    }
}
