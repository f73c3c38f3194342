//! The one reader of arguments, properties and children. It reads typed values as a node's table has them; it never stops at the first fault.

use std::fmt::Display;
use std::str::FromStr;

use super::kdl::{Node, Value};
use super::schema::{Count, Kind, NodeSchema};
use super::slot::{Gaps, Slot};
use super::value::{flag, integer, secret, text, word};
use crate::base::duration::Milliseconds;
use crate::base::limit;
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;
use crate::base::secret::SecretRef;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};

/// Where faults and gaps go while the nodes of one source are decoded.
pub(super) struct Sink<'a> {
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
    pub(super) gaps: Gaps,
    /// How many faults there may be in all before no more are taken.
    most: usize,
    /// Where secrets may stand that none should see.
    pub(super) masked: Vec<Span>,
}

/// One node with its schema.
pub(super) struct Reader<'a> {
    pub(super) node: Node<'a>,
    pub(super) schema: &'static NodeSchema,
}

impl<'a> Reader<'a> {
    /// Checks the shape of `node`; its values are checked as they are read.
    pub(super) fn open(node: Node<'a>, schema: &'static NodeSchema, sink: &mut Sink<'_>) -> Self {
        let reader = Self { node, schema };
        reader.check_shape(sink);
        reader
    }

    /// What a label underlines when the node as a whole is meant.
    pub(super) fn span(&self) -> Span {
        self.node.head()
    }

    pub(super) fn argument<T>(&self, index: usize, sink: &mut Sink<'_>) -> Slot<T>
    where
        T: FromStr<Err: Display>,
    {
        let kind = self.schema.argument(index).map(|argument| argument.kind);
        match (self.node.argument(index), kind) {
            (Some(value), Some(kind)) => text(value, kind, sink),
            _ => Slot::Faulty,
        }
    }

    /// All arguments from `index` on, less the faulty ones.
    pub(super) fn arguments<T>(&self, index: usize, sink: &mut Sink<'_>) -> Vec<Spanned<T>>
    where
        T: FromStr<Err: Display>,
    {
        (index..self.node.arguments().len())
            .filter_map(|index| self.argument(index, sink).into_given())
            .collect()
    }

    /// All arguments as written.
    pub(super) fn values(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        self.node.arguments()
    }

    pub(super) fn property<T>(&self, name: &str, sink: &mut Sink<'_>) -> Slot<T>
    where
        T: FromStr<Err: Display>,
    {
        match (self.written(name), self.schema.property(name)) {
            (Some(value), Some(property)) => text(value, property.kind, sink),
            (None, Some(property)) if property.required => Slot::Faulty,
            (None, _) if self.is_mistyped(name) => Slot::Faulty,
            _ => Slot::Absent,
        }
    }

    /// A property that is a word of a closed set.
    pub(super) fn word_property(&self, name: &str, sink: &mut Sink<'_>) -> Slot<String> {
        match (self.written(name), self.schema.property(name)) {
            (Some(value), Some(property)) => word(value, property.kind, sink),
            (None, _) if self.is_mistyped(name) => Slot::Faulty,
            _ => Slot::Absent,
        }
    }

    pub(super) fn number<T: TryFrom<i128>>(&self, name: &str, sink: &mut Sink<'_>) -> Slot<T> {
        match (self.written(name), self.schema.property(name)) {
            (Some(value), Some(property)) => integer(value, property.kind, sink),
            (None, _) if self.is_mistyped(name) => Slot::Faulty,
            _ => Slot::Absent,
        }
    }

    pub(super) fn flag_property(&self, name: &str, sink: &mut Sink<'_>) -> Slot<bool> {
        match (self.written(name), self.schema.property(name)) {
            (Some(value), Some(property)) => flag(value, property.kind, sink),
            (None, _) if self.is_mistyped(name) => Slot::Faulty,
            _ => Slot::Absent,
        }
    }

    pub(super) fn secret(&self, name: &str, sink: &mut Sink<'_>) -> Slot<SecretRef> {
        match (self.written(name), self.schema.property(name)) {
            (Some(value), Some(property)) => secret(value, property.kind, sink),
            (None, _) if self.is_mistyped(name) => Slot::Faulty,
            _ => Slot::Absent,
        }
    }

    /// The first argument in the words of its kind, checked: a word of a set, a number, a duration, an address.
    pub(super) fn word_argument(&self, sink: &mut Sink<'_>) -> Slot<String> {
        let (Some(value), Some(argument)) = (self.node.argument(0), self.schema.argument(0)) else {
            return Slot::Faulty;
        };
        let shown = |slot: Slot<i64>| slot.map(|number| number.to_string());
        match argument.kind {
            Kind::Integer { .. } => shown(integer(value, argument.kind, sink)),
            Kind::Flag => flag(value, argument.kind, sink).map(|flag| flag.to_string()),
            Kind::Milliseconds => {
                text::<Milliseconds>(value, argument.kind, sink).map(|all| all.to_string())
            }
            Kind::Mac => text::<MacAddr>(value, argument.kind, sink).map(|all| all.to_string()),
            Kind::LinkName => {
                text::<LinkName>(value, argument.kind, sink).map(|all| all.to_string())
            }
            Kind::Words(_) => word(value, argument.kind, sink),
            Kind::Text
            | Kind::Name
            | Kind::HostName
            | Kind::DomainName
            | Kind::Reference
            | Kind::VlanReference
            | Kind::Path
            | Kind::KeyPattern
            | Kind::Ip
            | Kind::Ipv4
            | Kind::Ipv6
            | Kind::Address
            | Kind::DnsServer
            | Kind::TimeServer
            | Kind::Prefix
            | Kind::Range
            | Kind::Duration
            | Kind::Percent
            | Kind::Arch
            | Kind::RecordLabel
            | Kind::OptionName
            | Kind::OptionValue
            | Kind::RoutingTable
            | Kind::Label
            | Kind::Octets
            | Kind::Uuid
            | Kind::Url
            | Kind::Secret => text(value, argument.kind, sink),
        }
    }

    /// The first argument, a number.
    pub(super) fn number_argument<T: TryFrom<i128>>(&self, sink: &mut Sink<'_>) -> Slot<T> {
        match (self.node.argument(0), self.schema.argument(0)) {
            (Some(value), Some(argument)) => integer(value, argument.kind, sink),
            _ => Slot::Faulty,
        }
    }

    pub(super) fn children(&self, name: &'a str) -> impl Iterator<Item = Node<'a>> {
        self.node
            .children()
            .filter(move |child| child.name().value == name)
    }

    /// Whether something in the node's block or head has no place there, and was reported.
    pub(super) fn is_partial(&self) -> bool {
        let known = |child: Node<'_>| self.schema.child(child.name().value).is_some();
        let named = |name: &str| self.schema.property(name).is_some();
        !self.node.children().all(known)
            || !self.node.properties().all(|one| named(one.name.value))
            || self.extra().is_some()
    }

    /// The table of a child of this name, which one node has in one form and another in another.
    pub(super) fn table_of(&self, child: &str) -> Option<&'static NodeSchema> {
        self.schema.child(child).map(|child| child.schema)
    }

    /// The children of all names, in the order written.
    pub(super) fn every_child(&self) -> impl Iterator<Item = Node<'a>> + use<'a> {
        self.node.children()
    }

    pub(super) fn secret_argument(&self, sink: &mut Sink<'_>) -> Slot<SecretRef> {
        match (self.node.argument(0), self.schema.argument(0)) {
            (Some(value), Some(argument)) => secret(value, argument.kind, sink),
            _ => Slot::Faulty,
        }
    }

    pub(super) fn flag_argument(&self, sink: &mut Sink<'_>) -> Slot<bool> {
        match (self.node.argument(0), self.schema.argument(0)) {
            (Some(value), Some(argument)) => flag(value, argument.kind, sink),
            _ => Slot::Faulty,
        }
    }

    /// The only child of a name; of several, which are reported, the first.
    pub(super) fn child(&self, name: &'a str) -> Option<Node<'a>> {
        self.children(name).next()
    }

    pub(super) fn written(&self, name: &str) -> Option<Value<'a>> {
        let mut properties = self.node.properties();
        properties
            .find(|property| property.name.value == name)
            .map(|property| property.value)
    }
}

impl<'a> Sink<'a> {
    pub(super) fn new(diagnostics: &'a mut Vec<Diagnostic>, gaps: Gaps) -> Self {
        let most = diagnostics.len() + limit::FAULTS;
        Self {
            diagnostics,
            gaps,
            most,
            masked: Vec::new(),
        }
    }

    /// Whether the source has so many faults that further ones would only hide the first.
    pub(super) fn is_full(&self) -> bool {
        self.diagnostics.len() >= self.most
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        if !self.is_full() {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Ends the reading of a source that is full of faults.
    pub(super) fn give_up(&mut self, at: Span) {
        let message = format!("more than {} faults in one file", limit::FAULTS);
        let fault = Diagnostic::new(Code::Limit, message);
        self.diagnostics
            .push(fault.label(at, "nothing from here on is read"));
        self.gaps.everything();
    }

    /// Adds help to the fault at `span` that was reported last, where it has none.
    pub(super) fn advise(&mut self, span: Span, help: &str) {
        let last = self.diagnostics.last_mut();
        if let Some(last) = last.filter(|last| last.help.is_none() && last.place() == Some(span)) {
            last.help = Some(help.to_owned());
        }
    }
}

impl Count {
    pub(super) fn needs_one(self) -> bool {
        match self {
            Self::One | Self::Many => true,
            Self::Optional | Self::Any => false,
        }
    }

    pub(super) fn allows_many(self) -> bool {
        match self {
            Self::Many | Self::Any => true,
            Self::Optional | Self::One => false,
        }
    }
}
