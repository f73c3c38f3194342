//! What reading leaves behind where it fails: values that are faulty rather than absent, and kinds of nodes that may be missing.

use std::collections::BTreeSet;

use crate::diag::span::Spanned;

/// A value that may be absent, or present and faulty; what follows from a faulty one stays silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot<T> {
    Absent,
    Faulty,
    Given(Spanned<T>),
}

impl<T> Slot<T> {
    pub fn given(&self) -> Option<&Spanned<T>> {
        match self {
            Self::Given(spanned) => Some(spanned),
            Self::Absent | Self::Faulty => None,
        }
    }

    pub fn into_given(self) -> Option<Spanned<T>> {
        match self {
            Self::Given(spanned) => Some(spanned),
            Self::Absent | Self::Faulty => None,
        }
    }

    pub fn value(&self) -> Option<&T> {
        self.given().map(|spanned| &spanned.value)
    }

    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Slot<U> {
        match self {
            Self::Absent => Slot::Absent,
            Self::Faulty => Slot::Faulty,
            Self::Given(Spanned { value, span }) => Slot::Given(Spanned::new(change(value), span)),
        }
    }

    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// `self` where anything was written, else `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self.is_absent() { other } else { self }
    }
}

/// Kinds of nodes of which some could not be read: rules about what does *not* exist must stay silent about them.
#[derive(Debug, Clone, Default)]
pub struct Gaps {
    kinds: BTreeSet<String>,
    total: bool,
}

impl Gaps {
    pub fn add(&mut self, kind: &str) {
        self.kinds.insert(kind.to_owned());
    }

    pub fn everything(&mut self) {
        self.total = true;
    }

    /// Adds the gaps of another source.
    pub fn merge(&mut self, other: Self) {
        self.kinds.extend(other.kinds);
        self.total |= other.total;
    }

    pub fn is_total(&self) -> bool {
        self.total
    }

    /// Whether a node of one of `kinds` may have gone missing.
    pub fn may_hide(&self, kinds: &[&str]) -> bool {
        self.total || kinds.iter().any(|kind| self.kinds.contains(*kind))
    }
}
