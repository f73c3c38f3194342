//! Tables of names: each given once, and referred to by others.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::{Span, Spanned};
use crate::diag::suggest::{did_you_mean, listed};
use crate::lang::Gaps;

/// Names of one kind of thing, with the places of their declarations.
pub(in crate::site) struct Table<'a, K> {
    kind: &'static str,
    /// Each with its place among them.
    names: BTreeMap<&'a K, (usize, Span)>,
}

impl<'a, K: Ord + Display> Table<'a, K> {
    /// Collects names; one that is given again is reported.
    pub(super) fn new(
        kind: &'static str,
        names: impl IntoIterator<Item = &'a Spanned<K>>,
        out: &mut Faults,
    ) -> Self {
        let mut table = BTreeMap::new();
        for (number, name) in names.into_iter().enumerate() {
            match table.get(&name.value) {
                None => {
                    table.insert(&name.value, (number, name.span));
                }
                Some((_, first)) => out.push(twice(kind, &name.value, name.span, *first)),
            }
        }
        Self { kind, names: table }
    }

    /// How many stand before the first of this name.
    pub(in crate::site) fn number(&self, name: &K) -> Option<usize> {
        self.names.get(name).map(|(number, _)| *number)
    }

    pub(in crate::site) fn has(&self, name: &K) -> bool {
        self.names.contains_key(name)
    }

    /// Whether a reference finds its target; if not, that is reported, unless the target may be one that could not be read.
    pub(in crate::site) fn check(
        &self,
        reference: &Spanned<K>,
        gaps: &Gaps,
        out: &mut Faults,
    ) -> bool
    where
        K: AsRef<str>,
    {
        let is_known = self.has(&reference.value);
        if !is_known {
            let known = self.names.keys().map(|name| (*name).as_ref());
            refer(self.kind, reference, known, gaps, out);
        }
        is_known
    }
}

/// The fault of an address that several isolated fabrics have, none of them said.
pub(in crate::site) fn several_fabrics(
    what: &str,
    span: Span,
    fabrics: &BTreeSet<&str>,
) -> Diagnostic {
    let message = format!("{what} is in several isolated fabrics");
    let help = format!(
        "write fabric=\"…\" with one of {}",
        listed(fabrics.iter().copied())
    );
    Diagnostic::new(Code::AmbiguousReference, message)
        .label(span, "which one is meant?")
        .help(help)
}

/// Reports a reference that finds nothing.
pub(in crate::site) fn refer<'k, K: AsRef<str>>(
    kind: &'static str,
    reference: &Spanned<K>,
    known: impl Iterator<Item = &'k str> + Clone,
    gaps: &Gaps,
    out: &mut Faults,
) {
    if gaps.may_hide(&[kind]) {
        return;
    }
    let word = reference.value.as_ref();
    let guess = out.are_few().then(|| did_you_mean(word, known.clone()));
    let help = guess.flatten().unwrap_or_else(|| {
        let few: Vec<_> = known.take(FEW + 1).collect();
        match few.len() {
            0 => format!("declare one: {kind} \"{word}\""),
            1..=FEW => format!("there are: {}", few.join(", ")),
            _ => format!("declare it: {kind} \"{word}\""),
        }
    });
    out.push(
        Diagnostic::new(
            Code::UnknownReference,
            format!("there is no {kind} `{word}`"),
        )
        .label(reference.span, "not declared anywhere")
        .help(help),
    );
}

/// As many names as a help line lists.
const FEW: usize = 6;

pub(in crate::site) fn twice(
    kind: &str,
    name: &dyn Display,
    again: Span,
    first: Span,
) -> Diagnostic {
    Diagnostic::new(
        Code::DuplicateName,
        format!("the {kind} `{name}` is declared twice"),
    )
    .label(again, "declared again here")
    .label(first, "first declared here")
    .help("rename one, or merge them")
}
