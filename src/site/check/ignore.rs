//! Rules about drift: each speaks of things that there can be, of attributes that they have, and of nothing that another one says.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::glob;
use crate::base::kind::{KINDS, KindRow, kinds_of};
use crate::base::option::OPTIONS;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::{Span, Spanned};
use crate::diag::suggest::{did_you_mean, listed};
use crate::lang::node::IgnoreNode;
use crate::site::resolve::Draft;

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let rules = &draft.declarations.ignores;
    for rule in rules {
        let kinds: Vec<_> = kinds_of(rule.pattern.value.as_str()).collect();
        if kinds.is_empty() {
            out.push(nothing(rule));
        } else {
            let unknown = |one: &&Spanned<String>| !kinds.iter().any(|kind| kind.has(&one.value));
            let unknown = rule.attributes.iter().filter(unknown);
            out.extend(unknown.map(|one| no_attribute(one, &kinds)));
        }
        repeated_attributes(rule, out);
    }
    twice(rules, out);
}

fn nothing(rule: &IgnoreNode) -> Diagnostic {
    let written = rule.pattern.value.as_str();
    let meant = meant(written);
    let forms = KINDS.iter().flat_map(|row| row.forms.iter().copied());
    let help = did_you_mean(written, meant.iter().map(String::as_str))
        .unwrap_or_else(|| format!("keys have the forms {}", listed(forms)));
    Diagnostic::new(
        Code::IgnorePattern,
        format!("no key matches the pattern `{written}`"),
    )
    .label(rule.pattern.span, "nothing is named so")
    .help(help)
}

/// What a pattern without matches may have been meant for: a fixed word of a form mistyped, or one star where two are needed.
fn meant(written: &str) -> Vec<String> {
    let parts: Vec<&str> = written.split('/').collect();
    let forms = KINDS.iter().flat_map(|row| row.forms);
    let corrected = forms.filter_map(|form| {
        let form: Vec<&str> = form.split('/').collect();
        let is_fixed = |part: &&str| !glob::is_pattern(part);
        let fixed = |(own, known): (&&str, &&str)| {
            let is_meant = is_fixed(known);
            (if is_meant { *known } else { *own }).to_owned()
        };
        let corrected: Vec<String> = parts
            .iter()
            .zip(&form)
            .map(|(a, b)| fixed((a, b)))
            .collect();
        (form.len() == parts.len()).then(|| corrected.join("/"))
    });
    let deeper = written.strip_suffix('*').map(|start| format!("{start}**"));
    let matched = |pattern: &String| kinds_of(pattern).next().is_some();
    deeper
        .into_iter()
        .chain(corrected)
        .filter(matched)
        .collect()
}

fn no_attribute(attribute: &Spanned<String>, kinds: &[&KindRow]) -> Diagnostic {
    let words = listed(kinds.iter().map(|kind| kind.word));
    let known: BTreeSet<&str> = kinds
        .iter()
        .flat_map(|kind| kind.attributes)
        .copied()
        .collect();
    let options = OPTIONS.iter().map(|row| row.name);
    let has_options = kinds.iter().any(|kind| kind.has_options);
    let all = known.iter().copied().chain(options.filter(|_| has_options));
    let help = did_you_mean(&attribute.value, all).unwrap_or_else(|| match known.is_empty() {
        true => "leave it out: the rule then ignores the things themselves".to_owned(),
        false => format!("there are {}", listed(known.into_iter())),
    });
    Diagnostic::new(
        Code::IgnoreAttribute,
        format!("nothing there has an attribute `{}`", attribute.value),
    )
    .label(attribute.span, format!("the pattern names {words}"))
    .help(help)
}

fn repeated_attributes(rule: &IgnoreNode, out: &mut Faults) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for Spanned { value, span } in &rule.attributes {
        match seen.get(value.as_str()) {
            Some(first) => out.push(
                Diagnostic::new(
                    Code::IgnoreTwice,
                    format!("`{value}` is ignored twice by a rule"),
                )
                .label(*span, "again here")
                .label(*first, "first here")
                .help("keep one of them"),
            ),
            None => drop(seen.insert(value, *span)),
        }
    }
}

fn twice(rules: &[IgnoreNode], out: &mut Faults) {
    let mut seen: BTreeMap<(&str, BTreeSet<&str>), Span> = BTreeMap::new();
    for rule in rules.iter().filter(|rule| !rule.is_partial) {
        let attributes = rule.attributes.iter().map(|one| one.value.as_str());
        let said = (rule.pattern.value.as_str(), attributes.collect());
        let span = rule.pattern.span;
        let Some(first) = seen.get(&said) else {
            seen.insert(said, span);
            continue;
        };
        let message = format!("the same of `{}` is ignored twice", rule.pattern.value);
        out.push(
            Diagnostic::new(Code::IgnoreTwice, message)
                .label(span, "again here")
                .label(*first, "first here")
                .help("remove one of the rules"),
        );
    }
}
