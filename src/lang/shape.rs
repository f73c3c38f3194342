//! A node beside its table: how many arguments it has, which properties, which children. What they say is read elsewhere.
//!
//! What one slip of the pen leads to is told once: a node that lacks its line end takes the next one's name for an argument.

use super::kdl::{Node, Scalar, Value, lookalike};
use super::read::{Reader, Sink};
use super::schema::{self, Child, Kind, NodeSchema};
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::Spanned;
use crate::diag::suggest::{did_you_mean, listed, nearest};

impl<'a> Reader<'a> {
    /// Reports all that is wrong with the node but its values.
    pub(super) fn check_shape(&self, sink: &mut Sink<'_>) {
        self.check_arguments(sink);
        self.check_properties(sink);
        self.check_children(sink);
        if let Some(annotation) = self.node.annotation() {
            sink.report(
                Diagnostic::new(Code::WrongType, "a node takes no type annotation")
                    .label(annotation.span, "this means nothing here")
                    .help("remove it"),
            );
        }
    }

    /// The first argument that is one too many.
    pub(super) fn extra(&self) -> Option<Value<'a>> {
        if self.schema.takes_many() {
            return None;
        }
        self.node.arguments().nth(self.schema.arguments.len())
    }

    /// Whether an argument too many is the name of a node, which this one has swallowed with all that follows on its line.
    fn has_swallowed(&self) -> bool {
        self.extra()
            .is_some_and(|extra| node_word(extra).is_some_and(schema::is_node))
    }

    /// Whether the property `name` seems to be there in another form, which was reported.
    pub(super) fn is_mistyped(&self, name: &str) -> bool {
        let known = || self.schema.properties.iter().map(|property| property.name);
        let written = self.node.properties().map(|one| one.name.value);
        let mut unknown = written.filter(|word| self.schema.property(word).is_none());
        let mut children = self.node.children();
        let extra = self.extra().and_then(node_word);
        let is_only = self.required() == Some(name);
        // Where one is needed and another one written that there is not, that one stands for it.
        unknown.any(|word| nearest(word, known()).map_or(is_only, |meant| meant == name))
            || (is_only && self.schema.arguments.is_empty() && self.extra().is_some())
            || (self.schema.child(name).is_none()
                && children.any(|child| child.name().value == name))
            || extra.is_some_and(|word| word.strip_suffix(':') == Some(name))
    }

    /// The required property, where exactly one is not written.
    fn required(&self) -> Option<&'static str> {
        let properties = self.schema.properties.iter();
        let mut absent = properties.filter(|one| one.required && self.written(one.name).is_none());
        match (absent.next(), absent.next()) {
            (Some(only), None) => Some(only.name),
            (None | Some(_), _) => None,
        }
    }

    /// Whether the child of this table seems to be there in another form, which was reported.
    fn is_misplaced(&self, child: &Child) -> bool {
        let name = child.schema.name;
        let known = || self.schema.children.iter().map(|child| child.schema.name);
        let mut properties = self.node.properties();
        let words = self.node.children().map(|child| child.name().value);
        let mut unknown = words.filter(|word| self.schema.child(word).is_none());
        self.extra().is_some()
            || properties.any(|property| property.name.value == name)
            || unknown.any(|word| nearest(word, known()) == Some(name))
    }

    fn check_arguments(&self, sink: &mut Sink<'_>) {
        let NodeSchema {
            name, arguments, ..
        } = self.schema;
        let given = self.node.arguments().len();
        // `vlan name="pxe"` is told where it stands.
        let is_keyed = self.keyed_argument().is_some();
        for argument in arguments.iter().skip(given) {
            if argument.count.needs_one() && !is_keyed {
                let missing = format!("`{name}` needs {}", argument.name);
                let label = format!("{} is missing", argument.name);
                sink.report(
                    Diagnostic::new(Code::Missing, missing)
                        .label(self.node.name().span, label)
                        .help(format!("write {name} {}", argument.kind.example())),
                );
            }
        }
        let Some(extra) = self.extra().filter(|extra| extra.scalar != Scalar::Faulty) else {
            return;
        };
        let takes = match arguments.len() {
            0 => "no argument".to_owned(),
            1 => "one argument".to_owned(),
            several => format!("{several} arguments"),
        };
        sink.report(
            Diagnostic::new(Code::ExtraArgument, format!("`{name}` takes {takes}"))
                .label(extra.span, "one too many")
                .maybe_help(self.separate(extra)),
        );
        if let Some(word) = node_word(extra).filter(|_| self.has_swallowed()) {
            sink.gaps.add(word);
        }
    }

    /// What the first argument too many was likely meant for.
    fn separate(&self, extra: Value<'a>) -> Option<String> {
        let NodeSchema {
            arguments,
            properties,
            children,
            ..
        } = self.schema;
        if let Some(word) = node_word(extra) {
            if let Some(name) = word.strip_suffix(':') {
                return Some(format!("a property is written {name}=value"));
            }
            if schema::is_node(word) {
                return Some(format!(
                    "is `{word}` a node of its own? begin a new line, or write `;` before it"
                ));
            }
        }
        if let Some(name) = self.required() {
            return Some(format!("is this its {name}? write {name}=…"));
        }
        if let Some(help) = self.apart(extra) {
            return Some(help);
        }
        if self.node.arguments().len() == arguments.len() + 1 && !properties.is_empty() {
            return Some("is this the value of a property? write name=value".to_owned());
        }
        let child = children.first().filter(|_| arguments.is_empty())?;
        let example = child.schema.example();
        Some(format!(
            "what it says stands in its block, such as {example}"
        ))
    }

    /// Of a node that may stand again, and whose argument is an address: two of them are two nodes.
    fn apart(&self, extra: Value<'a>) -> Option<String> {
        let name = self.schema.name;
        let ([argument], Scalar::Text(second)) = (self.schema.arguments, extra.scalar) else {
            return None;
        };
        let is_address = matches!(
            argument.kind,
            Kind::Ip | Kind::Ipv4 | Kind::Ipv6 | Kind::Address | Kind::Prefix | Kind::Range
        );
        let Some(Scalar::Text(first)) = self.node.argument(0).map(|first| first.scalar) else {
            return None;
        };
        (is_address && !extra.is_bare && schema::is_repeatable(name))
            .then(|| format!("a node for each: {name} \"{first}\"; {name} \"{second}\""))
    }

    /// The property that gives the first argument under a name of its own, as `name=`.
    fn keyed_argument(&self) -> Option<Spanned<&'a str>> {
        let first = self.schema.arguments.first()?;
        let (_, noun) = first.name.split_once(' ')?;
        let mut properties = self.node.properties();
        let is_absent = self.node.arguments().len() == 0;
        properties
            .find(|one| one.name.value == noun)
            .filter(|_| is_absent && self.schema.property(noun).is_none())
            .map(|one| one.name)
    }

    fn check_properties(&self, sink: &mut Sink<'_>) {
        let name = self.schema.name;
        let mut seen: Vec<Spanned<&str>> = Vec::new();
        let has_swallowed = self.has_swallowed();
        let keyed = self.keyed_argument();
        for property in self.node.properties() {
            let key = property.name;
            if self.schema.property(key.value).is_none() {
                if let Some(child) = self.schema.child(key.value) {
                    sink.gaps.add(child.schema.name);
                }
                if !has_swallowed {
                    sink.report(self.unknown_property(key, keyed == Some(key)));
                }
            } else if let Some(first) = seen.iter().find(|one| one.value == key.value) {
                if has_swallowed {
                    continue;
                }
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

    fn unknown_property(&self, key: Spanned<&str>, is_keyed: bool) -> Diagnostic {
        let NodeSchema {
            name, properties, ..
        } = self.schema;
        let message = format!("`{name}` has no property `{}`", key.value);
        let known = properties.iter().map(|property| property.name);
        let help = if self.schema.child(key.value).is_some() {
            Some(format!("`{}` is a node: write it in the block", key.value))
        } else if is_keyed {
            let example = self.schema.example();
            Some(format!("it stands without a key: {example}"))
        } else {
            lookalike(key.value)
                .or_else(|| did_you_mean(key.value, known.clone()))
                .or_else(|| {
                    let bearer = schema::bearer_of(key.value)?;
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
        let has_swallowed = self.has_swallowed();
        for child in self.node.children() {
            if self.schema.child(child.name().value).is_some() {
                continue;
            }
            sink.lose(child, self.schema);
            if !has_swallowed {
                sink.report(unknown_node(child, self.schema));
            }
        }
        for known in *children {
            let mut written = self.children(known.schema.name);
            let Some(first) = written.next() else {
                // What a fault of syntax has hidden is not missing.
                let may_be_there = sink.gaps.is_total() || self.is_misplaced(known);
                if known.count.needs_one() && !may_be_there {
                    sink.report(self.missing_child(known));
                }
                continue;
            };
            if known.count.allows_many() {
                continue;
            }
            let takes_many = known.schema.takes_many();
            let help = takes_many
                .then(|| "several values are written as several arguments".to_owned())
                .or_else(|| Some("keep one of them".to_owned()));
            for again in written {
                sink.report(
                    Diagnostic::new(
                        Code::RepeatedNode,
                        format!("`{}` may stand once in `{name}`", known.schema.name),
                    )
                    .label(again.head(), "repeated here")
                    .label(first.head(), "first given here")
                    .maybe_help(help.clone()),
                );
            }
        }
    }

    fn missing_child(&self, child: &Child) -> Diagnostic {
        let (name, child) = (self.schema.name, child.schema);
        Diagnostic::new(Code::Missing, format!("`{name}` needs `{}`", child.name))
            .label(self.node.head(), format!("`{}` is missing", child.name))
            .help(format!("add {} to its block", child.example()))
    }
}

/// A word without quotes.
fn node_word(value: Value<'_>) -> Option<&str> {
    match value.scalar {
        Scalar::Text(word) if value.is_bare => Some(word),
        Scalar::Text(_)
        | Scalar::Integer(_)
        | Scalar::Float(_)
        | Scalar::Bool(_)
        | Scalar::Null
        | Scalar::Faulty => None,
    }
}

impl Sink<'_> {
    /// Reports a node that has no place in `parent`.
    pub(super) fn unknown(&mut self, node: Node<'_>, parent: &NodeSchema) {
        self.lose(node, parent);
        self.report(unknown_node(node, parent));
    }

    /// Notes what a node without a place takes with it: the one that it seems to mean, and all in its block. Others will miss them.
    fn lose(&mut self, node: Node<'_>, parent: &NodeSchema) {
        let known = parent.children.iter().map(|child| child.schema.name);
        if let Some(meant) = nearest(node.name().value, known) {
            self.gaps.add(meant);
        }
        let mut lost = vec![node];
        while let Some(node) = lost.pop() {
            let word = node.name().value;
            if schema::is_node(word) {
                self.gaps.add(word);
            }
            lost.extend(node.children());
        }
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
    let in_yaml = word.strip_suffix(':').and_then(|word| parent.child(word));
    let help = in_yaml
        .map(|child| format!("a node has no colon: {}", child.schema.example()))
        .or_else(|| lookalike(word))
        .or_else(|| did_you_mean(word, known()))
        .or_else(|| {
            parent
                .property(word)
                .map(|_| format!("`{word}` is a property: write {word}=… beside the name"))
        })
        .or_else(|| schema::home_of(word).map(|home| format!("`{word}` belongs into {home}")))
        .or_else(|| (parent.children.is_empty()).then(|| format!("{place} has no block")))
        .unwrap_or_else(|| format!("{place} holds {}", listed(known())));
    Diagnostic::new(Code::UnknownNode, format!("{place} has no node `{word}`"))
        .label(node.name().span, "unknown node")
        .help(help)
}
