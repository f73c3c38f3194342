//! `bedplate explain`: what a code means, with an example and its mend.

use std::process::ExitCode;

use super::output::Output;
use crate::diag::code::{Code, find, near};
use crate::diag::fault::Fault;
use crate::diag::suggest::listed;

pub(super) fn explain(text: Option<&str>, out: &Output) -> Result<ExitCode, Fault> {
    let Some(text) = text else { return list(out) };
    let Some(code) = find(text) else {
        let near = near(text);
        let help = if near.is_empty() {
            "`bedplate explain` lists all codes".to_owned()
        } else {
            let near = listed(near.into_iter());
            format!("did you mean {near}? `bedplate explain` lists all codes")
        };
        let fault = Fault::new(Code::BadRequest, format!("there is no code `{text}`"));
        return Err(fault.help(help));
    };
    let text = code.explanation();
    if out.json {
        out.value(&serde_json::json!({ "code": code.number(), "text": text }))?;
    } else {
        out.text(text);
    }
    Ok(ExitCode::SUCCESS)
}

fn list(out: &Output) -> Result<ExitCode, Fault> {
    let mut all = Code::ALL.to_vec();
    // The site's faults first, as one meets them; then by number.
    all.sort_by_key(|code| {
        let number = code.number();
        (
            ["E", "W", "D", "C"]
                .iter()
                .position(|kind| number.starts_with(kind)),
            number,
        )
    });
    if out.json {
        let codes: Vec<_> = all
            .iter()
            .map(|code| serde_json::json!({ "code": code.number(), "title": code.title() }))
            .collect();
        out.value(&codes)?;
    } else {
        let lines: String = all
            .iter()
            .map(|code| format!("{}  {}\n", code.number(), code.title()))
            .collect();
        out.text(&lines);
    }
    Ok(ExitCode::SUCCESS)
}
