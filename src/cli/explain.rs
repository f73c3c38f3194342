//! `bedplate explain`: what a code means, with an example and its mend.

use std::process::ExitCode;

use super::output::Output;
use crate::diag::code::{Code, explain as explanation};
use crate::diag::fault::Fault;

pub(super) fn explain(code: Option<&str>, out: &Output) -> Result<ExitCode, Fault> {
    let Some(code) = code else { return list(out) };
    let Some(text) = explanation(code) else {
        return Err(
            Fault::new(Code::BadRequest, format!("there is no code `{code}`"))
                .help("`bedplate explain` lists all codes"),
        );
    };
    if out.json {
        out.value(&serde_json::json!({ "code": code.to_ascii_uppercase(), "text": text }))?;
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
