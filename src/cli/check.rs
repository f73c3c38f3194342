//! `bedplate check`: every fault of a site in one run.

use std::process::ExitCode;

use super::args::SiteArgument;
use super::compile;
use super::output::Output;
use crate::diag::fault::Fault;
use crate::diag::render;

pub(super) fn check(argument: &SiteArgument, out: &Output) -> Result<ExitCode, Fault> {
    let local = compile::local(&argument.site)?;
    let compiled = &local.compiled;
    if out.json {
        out.value(&render::json(&compiled.diagnostics, &compiled.sources))?;
    } else {
        compile::show(compiled, out);
    }
    let Some(site) = &compiled.site else {
        return Ok(ExitCode::from(1));
    };
    if !out.json {
        let subnets: usize = site.vlans.values().map(|vlan| vlan.subnets.len()).sum();
        out.text(&format!(
            "site {}: {} controllers, {} machines, {} VLANs, {subnets} subnets; no faults\n",
            site.name,
            site.controllers.len(),
            site.machines.len(),
            site.vlans.len(),
        ));
    }
    Ok(ExitCode::SUCCESS)
}
