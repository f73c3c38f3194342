//! `bedplate leases`: who has which address.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::client::Client;
use super::output::Output;
use crate::base::duration::Seconds;
use crate::daemon::{LeaseRow, now};
use crate::diag::fault::Fault;

pub(super) async fn leases(client: &Client, out: &Output) -> Result<ExitCode, Fault> {
    let leases: Vec<LeaseRow> = client.get("leases").await?;
    if out.json {
        out.value(&leases)?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = now();
    let mut text = format!(
        "{:<15}  {:<17}  {:<9}  {:<10}  {}\n",
        "ADDRESS", "HARDWARE", "STATE", "LEFT", "NAME"
    );
    for lease in &leases {
        let left = lease.expires.map(|expires| expires.saturating_sub(now.0));
        let left = left.map_or_else(
            || "for ever".to_owned(),
            |left| Seconds(u32::try_from(left).unwrap_or(u32::MAX)).to_string(),
        );
        let name = lease.name.as_ref().map_or("-", |name| name.as_str());
        let state = if lease.is_declined {
            "declined"
        } else {
            "active"
        };
        let _ = writeln!(
            text,
            "{:<15}  {:<17}  {state:<9}  {left:<10}  {name}",
            lease.address.to_string(),
            lease.hardware
        );
    }
    out.text(&text);
    Ok(ExitCode::SUCCESS)
}
