//! `bedplate check`: every fault of a site in one run.

use std::process::ExitCode;

use super::args::SiteArgument;
use super::compile;
use super::output::{Output, count};
use crate::diag::fault::Fault;
use crate::diag::render;
use crate::diag::sarif::sarif;

pub(super) fn check(
    argument: &SiteArgument,
    as_sarif: bool,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let local = compile::local(&argument.site)?;
    let compiled = &local.compiled;
    if as_sarif {
        let log = sarif(&compiled.diagnostics, &compiled.sources, &local.folder);
        out.value(&log)?;
    } else if out.json {
        out.value(&render::json(&compiled.diagnostics, &compiled.sources))?;
    } else {
        compile::show(compiled, out);
    }
    let Some(site) = &compiled.site else {
        return Ok(ExitCode::from(1));
    };
    if !out.json && !as_sarif {
        let subnets: usize = site.vlans.values().map(|vlan| vlan.subnets.len()).sum();
        let parts = [
            count(site.controllers.len(), "controller"),
            count(site.machines.len(), "machine"),
            count(site.vlans.len(), "VLAN"),
            count(subnets, "subnet"),
        ];
        let parts = parts.join(", ");
        out.text(&format!("site {}: {parts}; no errors\n", site.name));
    }
    // The process ends here: taking a large site apart would be a tenth of its work.
    std::mem::forget(local);
    Ok(ExitCode::SUCCESS)
}
