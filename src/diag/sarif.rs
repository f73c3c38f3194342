//! Faults in SARIF 2.1.0, the form in which code hosts take them to annotate lines (OASIS, sarif-v2.1.0).

use std::collections::BTreeSet;
use std::path::{Component, Path};

use serde_json::{Value, json};

use super::code::Code;
use super::report::{Diagnostic, Label};
use super::span::{SourceId, Sources};
use crate::base::limit;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// All faults as one log with one run. Code hosts want paths from the repository's root, where `folder`, the site's, is taken to
/// lead from; an absolute one is left out.
pub fn sarif(diagnostics: &[Diagnostic], sources: &Sources, folder: &Path) -> Value {
    let sources = &Places { sources, folder };
    let codes: BTreeSet<Code> = diagnostics.iter().map(|one| one.code).collect();
    let codes: Vec<Code> = codes.into_iter().collect();
    // Code hosts refuse logs with many more.
    let shown = diagnostics.iter().take(limit::FAULTS);
    let results = shown.map(|one| result(one, &codes, sources));
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "bedplate",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().map(rule).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

fn rule(code: &Code) -> Value {
    json!({
        "id": code.number(),
        "shortDescription": { "text": code.title() },
        "help": { "text": code.explanation(), "markdown": code.explanation() },
        "defaultConfiguration": { "level": code.severity().as_str() },
    })
}

/// Sources by their paths from the repository's root.
struct Places<'a> {
    sources: &'a Sources,
    folder: &'a Path,
}

impl Places<'_> {
    fn uri(&self, id: SourceId) -> String {
        let names = self.folder.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            Component::Prefix(_)
            | Component::RootDir
            | Component::CurDir
            | Component::ParentDir => None,
        });
        let mut parts: Vec<String> = if self.folder.is_relative() {
            names.collect()
        } else {
            Vec::new()
        };
        parts.push(self.sources.path(id).to_owned());
        escaped(&parts.join("/"))
    }
}

fn result(one: &Diagnostic, codes: &[Code], sources: &Places<'_>) -> Value {
    let text = match &one.help {
        Some(help) => format!("{}; {help}", one.message),
        None => one.message.clone(),
    };
    let (primary, others) = one.labels.split_at(one.labels.len().min(1));
    let places = |labels: &[Label]| -> Vec<Value> {
        labels.iter().map(|label| place(label, sources)).collect()
    };
    json!({
        "ruleId": one.code.number(),
        "ruleIndex": codes.iter().position(|code| *code == one.code),
        "level": one.severity().as_str(),
        "message": { "text": text },
        "locations": places(primary),
        "relatedLocations": places(others),
    })
}

fn place(label: &Label, places: &Places<'_>) -> Value {
    let sources = places.sources;
    let (start, end) = (sources.start(label.span), sources.end(label.span));
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": places.uri(label.span.source) },
            "region": {
                "startLine": start.line, "startColumn": start.column,
                "endLine": end.line, "endColumn": end.column,
            },
        },
        "message": { "text": label.text },
    })
}

/// A path as a relative reference (RFC 3986 4.2).
fn escaped(path: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(byte);
    path.bytes()
        .map(|byte| match is_plain(&byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::span::Span;

    #[test]
    fn a_fault_names_its_rule_and_its_place() {
        let mut sources = Sources::default();
        let id = sources.add("racks/a b.kdl", "é \"x\"\ny\n".into());
        let fault = Diagnostic::new(Code::VlanIdTwice, "twice")
            .label(Span::new(id, 3, 6), "again")
            .label(Span::new(id, 7, 8), "first")
            .help("keep one");
        let warning =
            Diagnostic::new(Code::IncludeNothing, "nothing").label(Span::new(id, 7, 8), "here");
        let log = sarif(&[warning, fault], &sources, Path::new("./sites"));
        let run = &log["runs"][0];
        assert_eq!(
            (&log["version"], &run["tool"]["driver"]["name"]),
            (&json!("2.1.0"), &json!("bedplate"))
        );
        let result = &run["results"][1];
        assert_eq!(
            (&result["ruleId"], &result["level"]),
            (&json!("E031"), &json!("error"))
        );
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], "E031");
        assert_eq!(result["message"]["text"], "twice; keep one");
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "sites/racks/a%20b.kdl");
        let region = json!({ "startLine": 1, "startColumn": 3, "endLine": 1, "endColumn": 6 });
        assert_eq!(place["region"], region);
        assert_eq!(result["relatedLocations"].as_array().unwrap().len(), 1);
        assert_eq!(run["results"][0]["level"], "warning");
    }
}
