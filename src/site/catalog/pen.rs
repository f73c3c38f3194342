//! Writes one object of the catalog, value by value, each with its source. Knows no object in particular.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Display;

use super::{Detail, Object, ObjectKey, Reference, Relation, Source, Value};
use crate::base::name::Name;
use crate::base::option::option_attribute;
use crate::diag::span::{SourceId, Sources, Span, Spanned};
use crate::lang::Slot;
use crate::lang::node::{ClassNode, MatchNode, OptionNode, ProtectNode};

/// An object in the making.
pub(super) struct Pen<'a> {
    sources: &'a Sources,
    rows: &'a BTreeSet<SourceId>,
    heritage: Option<Heritage<'a>>,
    detail: Detail,
    object: Object,
    /// What the object refers to, where that is much.
    known: BTreeSet<(Relation, ObjectKey)>,
}

/// As many references as are looked through one by one.
const FEW: usize = 16;

/// The profile of a machine, and where both are declared.
#[derive(Clone, Copy)]
pub(super) struct Heritage<'a> {
    pub(super) profile: &'a Name,
    pub(super) profile_span: Span,
    pub(super) own_span: Span,
}

impl Heritage<'_> {
    /// Whether what stands at `span`, a value of the machine, is the profile's. Nodes at the top never nest: of the two that begin
    /// before it in its file, the later one holds it.
    fn is_inherited(&self, span: Span) -> bool {
        let before = |begin: Span| {
            (begin.source == span.source && begin.start <= span.start).then_some(begin.start)
        };
        before(self.profile_span) > before(self.own_span)
    }
}

impl<'a> Pen<'a> {
    pub(super) fn new(
        sources: &'a Sources,
        rows: &'a BTreeSet<SourceId>,
        heritage: Option<Heritage<'a>>,
        detail: Detail,
        (kind, declared): (&'static str, Span),
    ) -> Self {
        let object = Object {
            kind,
            declared: Source::Default,
            values: Vec::new(),
            refers: Vec::new(),
        };
        let mut pen = Self {
            sources,
            rows,
            heritage,
            detail,
            object,
            known: BTreeSet::new(),
        };
        pen.object.declared = pen.source(declared);
        pen
    }

    pub(super) fn done(mut self) -> Object {
        // A large site has hundreds of thousands of objects, most with one reference or two.
        self.object.values.shrink_to_fit();
        self.object.refers.shrink_to_fit();
        self.object
    }

    /// Where a value of this object comes from that is written at `span`.
    pub(super) fn source(&self, span: Span) -> Source {
        let at = || self.sources.origin(span);
        match self.heritage {
            Some(heritage) if heritage.is_inherited(span) => Source::Profile {
                profile: heritage.profile.clone(),
                at: at(),
            },
            // Nobody asks where the object says it itself.
            _ if self.detail == Detail::References => Source::Default,
            _ if self.rows.contains(&span.source) => Source::Row { at: at() },
            _ => Source::Here { at: at() },
        }
    }

    pub(super) fn value(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        text: impl Display,
        source: Source,
    ) {
        if self.detail == Detail::References {
            return;
        }
        self.object.values.push(Value {
            name: name.into(),
            text: text.to_string(),
            source,
        });
    }

    pub(super) fn written(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        text: impl Display,
        span: Span,
    ) {
        if self.detail == Detail::References {
            return;
        }
        let source = self.source(span);
        self.value(name, text, source);
    }

    /// A value that may be left out.
    pub(super) fn slot(&mut self, name: &'static str, slot: &Slot<impl Display>) {
        if let Some(given) = slot.given() {
            self.written(name, &given.value, given.span);
        }
    }

    /// A value that has a default.
    pub(super) fn slot_or(
        &mut self,
        name: &'static str,
        slot: &Slot<impl Display>,
        default: impl Display,
    ) {
        match slot.given() {
            Some(given) => self.written(name, &given.value, given.span),
            None => self.value(name, default, Source::Default),
        }
    }

    /// A value with the place that says it, else its default.
    pub(super) fn told<T: Display>(
        &mut self,
        name: &'static str,
        said: Option<(T, Source)>,
        default: T,
    ) {
        match said {
            Some((value, source)) => self.value(name, value, source),
            None => self.value(name, default, Source::Default),
        }
    }

    /// A flag that has a default.
    pub(super) fn flag(&mut self, name: &'static str, slot: &Slot<bool>, default: bool) {
        match slot.given() {
            Some(given) => self.written(name, format!("#{}", given.value), given.span),
            None => self.value(name, format!("#{default}"), Source::Default),
        }
    }

    /// DHCP options, each by its name.
    pub(super) fn options(&mut self, options: &[OptionNode]) {
        for option in options {
            let source = self.source(option.span);
            self.option(option, source);
        }
    }

    /// DHCP options that hold for a part of the object.
    pub(super) fn options_within(&mut self, options: &[OptionNode], part: impl Display) {
        for OptionNode { code, value, span } in options {
            if let Some(value) = value.value() {
                let text = format!("{value} in {part}");
                self.written(option_attribute(code.value), text, *span);
            }
        }
    }

    /// A client class, and what its clients are told.
    pub(super) fn class(&mut self, class: &ClassNode, source: Source) {
        let ClassNode {
            name,
            matches,
            image,
            options,
            span: _,
        } = class;
        let asked = matches.iter().filter_map(MatchNode::asked);
        let asked: Vec<String> = asked.map(|asked| asked.to_string()).collect();
        let text = format!("{} for {}", name.value, asked.join(" or "));
        self.value("client-class", text, source.clone());
        let part = format!("client-class {}", name.value);
        for OptionNode {
            code,
            value,
            span: _,
        } in options
        {
            if let Some(value) = value.value() {
                let text = format!("{value} in {part}");
                self.value(option_attribute(code.value), text, source.clone());
            }
        }
        if let Some(image) = image.value() {
            self.value("image", format!("{image} in {part}"), source.clone());
            self.refer(Relation::Boots, ObjectKey::Image(image.clone()), source);
        }
    }

    pub(super) fn option(&mut self, option: &OptionNode, source: Source) {
        let OptionNode {
            code,
            value,
            span: _,
        } = option;
        if let Some(value) = value.value() {
            self.value(option_attribute(code.value), value, source);
        }
    }

    pub(super) fn protect(&mut self, node: Option<&ProtectNode>) {
        if let Some(ProtectNode { reason, span }) = node {
            let reason = reason.as_deref().unwrap_or("no reason given");
            self.written("protect", reason, *span);
        }
    }

    /// A list, as one value where it begins.
    pub(super) fn list<T: Display>(&mut self, name: &'static str, items: &[Spanned<T>]) {
        if let Some(first) = items.first() {
            let texts: Vec<_> = items.iter().map(|one| one.value.to_string()).collect();
            self.written(name, texts.join(" "), first.span);
        }
    }

    /// Several values of one name.
    pub(super) fn each<T: Display>(&mut self, name: &'static str, items: &[Spanned<T>]) {
        for item in items {
            self.written(name, &item.value, item.span);
        }
    }

    pub(super) fn refer(&mut self, relation: Relation, to: ObjectKey, source: Source) {
        let reference = Reference {
            relation,
            to,
            source,
        };
        if !self.knows(&reference) {
            self.object.refers.push(reference);
        }
    }

    fn knows(&mut self, reference: &Reference) -> bool {
        let refers = &self.object.refers;
        if refers.len() < FEW {
            let mut refers = refers.iter();
            return refers.any(|one| one.relation == reference.relation && one.to == reference.to);
        }
        let name = |one: &Reference| (one.relation, one.to.clone());
        if self.known.is_empty() {
            self.known.extend(refers.iter().map(name));
        }
        !self.known.insert(name(reference))
    }

    pub(super) fn refer_at(&mut self, relation: Relation, to: ObjectKey, span: Span) {
        let source = self.source(span);
        self.refer(relation, to, source);
    }

    /// A reference by name that may be left out.
    pub(super) fn refer_slot<T: Clone>(
        &mut self,
        relation: Relation,
        slot: &Slot<T>,
        key: impl FnOnce(T) -> ObjectKey,
    ) {
        if let Some(given) = slot.given() {
            self.refer_at(relation, key(given.value.clone()), given.span);
        }
    }

    /// That the object is a part of its parent.
    pub(super) fn part_of(&mut self, relation: Relation, key: &ObjectKey) {
        if let Some(parent) = key.parent() {
            let source = self.object.declared.clone();
            self.refer(relation, parent, source);
        }
    }
}
