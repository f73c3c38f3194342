//! The one reader of arguments, properties and children. It checks a node against its schema and reads typed values; it never stops at the first fault.

use std::fmt::Display;
use std::str::FromStr;

use super::kdl::{Node, Scalar, Value, lookalike};
use super::schema::{Count, Kind, NodeSchema};
use super::slot::{Gaps, Slot};
use super::value::{flag, integer, secret, text, word};
use crate::base::duration::Milliseconds;
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;
use crate::base::secret::SecretRef;
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};
use crate::diag::suggest::{did_you_mean, listed, nearest};

/// Where faults and gaps go while nodes are decoded.
pub(super) struct Sink<'a> {
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
    pub(super) gaps: Gaps,
    /// Where secrets may stand that none should see.
    pub(super) masked: Vec<Span>,
}

/// One node with its schema.
pub(super) struct Reader<'a> {
    node: Node<'a>,
    schema: &'static NodeSchema,
}

impl<'a> Reader<'a> {
    /// Checks the shape of `node`; its values are checked as they are read.
    pub(super) fn open(node: Node<'a>, schema: &'static NodeSchema, sink: &mut Sink<'_>) -> Self {
        let reader = Self { node, schema };
        reader.check_arguments(sink);
        reader.check_properties(sink);
        reader.check_children(sink);
        if let Some(annotation) = node.annotation() {
            sink.report(
                Diagnostic::new(Code::WrongType, "a node takes no type annotation")
                    .label(annotation.span, "this means nothing here")
                    .help("remove it"),
            );
        }
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
            | Kind::Arch
            | Kind::RecordLabel
            | Kind::OptionName
            | Kind::OptionValue
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
        !self.node.children().all(known) || !self.node.properties().all(|one| named(one.name.value))
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

    fn written(&self, name: &str) -> Option<Value<'a>> {
        let mut properties = self.node.properties();
        properties
            .find(|property| property.name.value == name)
            .map(|property| property.value)
    }

    /// Whether some unknown property seems to mean the property `name`: it was reported, and is not missing besides.
    fn is_mistyped(&self, name: &str) -> bool {
        let known = || self.schema.properties.iter().map(|property| property.name);
        let written = self.node.properties().map(|one| one.name.value);
        let mut unknown = written.filter(|word| self.schema.property(word).is_none());
        unknown.any(|word| nearest(word, known()) == Some(name))
    }

    fn check_arguments(&self, sink: &mut Sink<'_>) {
        let NodeSchema {
            name, arguments, ..
        } = self.schema;
        let given = self.node.arguments().len();
        for argument in arguments.iter().skip(given) {
            if argument.count.needs_one() {
                let missing = format!("`{name}` needs {}", argument.name);
                sink.report(
                    Diagnostic::new(Code::Missing, missing)
                        .label(
                            self.node.name().span,
                            format!("{} is missing", argument.name),
                        )
                        .help(format!("write {name} {}", argument.kind.example())),
                );
            }
        }
        let takes_many = arguments
            .last()
            .is_some_and(|last| last.count.allows_many());
        if takes_many {
            return;
        }
        for extra in self.node.arguments().skip(arguments.len()) {
            if extra.scalar == Scalar::Faulty {
                continue;
            }
            let help = separate(extra).or_else(|| {
                (given == arguments.len() + 1 && !self.schema.properties.is_empty())
                    .then(|| "is this the value of a property? write name=value".to_owned())
            });
            let takes = match arguments.len() {
                0 => "no argument".to_owned(),
                1 => "one argument".to_owned(),
                several => format!("{several} arguments"),
            };
            sink.report(
                Diagnostic::new(Code::ExtraArgument, format!("`{name}` takes {takes}"))
                    .label(extra.span, "one too many")
                    .maybe_help(help),
            );
        }
    }

    fn check_properties(&self, sink: &mut Sink<'_>) {
        let name = self.schema.name;
        let mut seen: Vec<Spanned<&str>> = Vec::new();
        for property in self.node.properties() {
            let key = property.name;
            if self.schema.property(key.value).is_none() {
                sink.report(self.unknown_property(key));
            } else if let Some(first) = seen.iter().find(|one| one.value == key.value) {
                sink.report(
                    Diagnostic::new(
                        Code::DuplicateProperty,
                        format!("the property `{}` is given twice", key.value),
                    )
                    .label(key.span, "given again here")
                    .label(first.span, "first given here")
                    .help("keep one of them"),
                );
            } else {
                seen.push(key);
            }
        }
        let missing = self.schema.properties.iter().filter(|property| {
            property.required
                && self.written(property.name).is_none()
                && !self.is_mistyped(property.name)
        });
        for property in missing {
            sink.report(
                Diagnostic::new(
                    Code::Missing,
                    format!("`{name}` needs the property `{}`", property.name),
                )
                .label(self.node.head(), format!("`{}` is missing", property.name))
                .help(format!("add {}={}", property.name, property.kind.example())),
            );
        }
    }

    fn unknown_property(&self, key: Spanned<&str>) -> Diagnostic {
        let NodeSchema {
            name, properties, ..
        } = self.schema;
        let message = format!("`{name}` has no property `{}`", key.value);
        let known = properties.iter().map(|property| property.name);
        let help = if self.schema.child(key.value).is_some() {
            Some(format!("`{}` is a node: write it in the block", key.value))
        } else {
            lookalike(key.value)
                .or_else(|| did_you_mean(key.value, known.clone()))
                .or_else(|| {
                    let bearer = super::schema::bearer_of(key.value)?;
                    Some(format!("`{}` is a property of {bearer}", key.value))
                })
                .or_else(|| (!properties.is_empty()).then(|| format!("it has {}", listed(known))))
        };
        Diagnostic::new(Code::UnknownProperty, message)
            .label(key.span, "unknown property")
            .maybe_help(help)
    }

    fn check_children(&self, sink: &mut Sink<'_>) {
        let NodeSchema { name, children, .. } = self.schema;
        for child in self.node.children() {
            if self.schema.child(child.name().value).is_none() {
                sink.unknown(child, self.schema);
            }
        }
        for known in *children {
            let mut written = self.children(known.schema.name);
            let Some(first) = written.next() else {
                if known.count.needs_one() && !sink.gaps.may_hide(&[known.schema.name]) {
                    sink.report(
                        Diagnostic::new(
                            Code::Missing,
                            format!("`{name}` needs `{}`", known.schema.name),
                        )
                        .label(
                            self.node.head(),
                            format!("`{}` is missing", known.schema.name),
                        )
                        .help(format!("add {} to its block", known.schema.example())),
                    );
                }
                continue;
            };
            if known.count.allows_many() {
                continue;
            }
            for again in written {
                sink.report(
                    Diagnostic::new(
                        Code::RepeatedNode,
                        format!("`{}` may stand once in `{name}`", known.schema.name),
                    )
                    .label(again.head(), "repeated here")
                    .label(first.head(), "first given here")
                    .maybe_help(
                        known
                            .schema
                            .takes_many()
                            .then(|| "several values are written as several arguments".to_owned()),
                    ),
                );
            }
        }
    }
}

/// What a word without quotes was likely meant for that stands as one argument too many.
fn separate(extra: Value<'_>) -> Option<String> {
    let Scalar::Text(word) = extra.scalar else {
        return None;
    };
    if !extra.is_bare {
        return None;
    }
    if let Some(name) = word.strip_suffix(':') {
        return Some(format!("a property is written {name}=value"));
    }
    super::schema::home_of(word)?;
    Some(format!(
        "is `{word}` a node of its own? begin a new line, or write `;` before it"
    ))
}

impl Sink<'_> {
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Reports a node that has no place in `parent`. The one it seems to mean will be missed by others.
    pub(super) fn unknown(&mut self, node: Node<'_>, parent: &NodeSchema) {
        let known = parent.children.iter().map(|child| child.schema.name);
        if let Some(meant) = nearest(node.name().value, known) {
            self.gaps.add(meant);
        }
        self.report(unknown_node(node, parent));
    }
}

/// The fault of a node that has no place in `parent`.
fn unknown_node(node: Node<'_>, parent: &NodeSchema) -> Diagnostic {
    let word = node.name().value;
    let place = if parent.name.is_empty() {
        "a site file".to_owned()
    } else {
        format!("`{}`", parent.name)
    };
    let known = || parent.children.iter().map(|child| child.schema.name);
    let help = lookalike(word)
        .or_else(|| did_you_mean(word, known()))
        .or_else(|| {
            parent
                .property(word)
                .map(|_| format!("`{word}` is a property: write {word}=… beside the name"))
        })
        .or_else(|| {
            super::schema::home_of(word).map(|home| format!("`{word}` belongs into {home}"))
        })
        .or_else(|| (parent.children.is_empty()).then(|| format!("{place} has no block")))
        .unwrap_or_else(|| format!("{place} holds {}", listed(known())));
    Diagnostic::new(Code::UnknownNode, format!("{place} has no node `{word}`"))
        .label(node.name().span, "unknown node")
        .help(help)
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
