//! What a `bmc` says that only switches the power: the requests of a webhook, the card that is woken, the socket of a virtual machine.

use super::super::kdl::Node;
use super::super::read::{Reader, Sink};
use super::super::schema::{Argument, Child, Count, Kind, NodeSchema};
use super::super::slot::Slot;
use super::{any, argument, arguments, first, open, optional, plain};
use crate::base::bmc::{FieldName, PLACES, PowerAction, SECRET_PLACES};
use crate::base::duration::Seconds;
use crate::base::name::LinkName;
use crate::base::template::{Template, TemplateError};
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};
use crate::diag::suggest::{did_you_mean, listed};

/// What a `bmc` says of switching alone.
#[derive(Debug, Clone)]
pub struct SwitchNode {
    /// At most one for each action, and one that asks for the state.
    pub requests: Vec<RequestNode>,
    /// Header fields of every request.
    pub fields: Vec<FieldNode>,
    pub interface: Slot<LinkName>,
    pub socket: Slot<String>,
    /// What a person is told, and how long he may take.
    pub instruction: Slot<String>,
    pub within: Slot<Seconds>,
}

impl SwitchNode {
    /// One that says nothing yet.
    pub(super) fn empty() -> Self {
        Self {
            requests: Vec::new(),
            fields: Vec::new(),
            interface: Slot::Absent,
            socket: Slot::Absent,
            instruction: Slot::Absent,
            within: Slot::Absent,
        }
    }
}

/// One request of a webhook.
#[derive(Debug, Clone)]
pub struct RequestNode {
    /// What it does; none for the one that asks for the state.
    pub action: Option<PowerAction>,
    pub method: Slot<String>,
    pub url: Slot<Template>,
    pub fields: Vec<FieldNode>,
    pub body: Slot<Template>,
    /// Where the state stands in the answer, and what means what there.
    pub pointer: Slot<String>,
    pub on: Vec<Spanned<String>>,
    pub off: Vec<Spanned<String>>,
    pub span: Span,
}

/// A header field.
#[derive(Debug, Clone)]
pub struct FieldNode {
    pub name: Spanned<FieldName>,
    pub value: Slot<Template>,
}

const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];

/// What stands in the block of a `bmc` that only switches.
pub(super) const CHILDREN: [Child; 11] = [
    optional(&ON),
    optional(&SOFT_OFF),
    optional(&OFF),
    optional(&CYCLE),
    optional(&RESET),
    optional(&STATUS),
    any(&HEADER),
    optional(&INTERFACE),
    optional(&SOCKET),
    optional(&INSTRUCTION),
    optional(&WITHIN),
];

const ASKED: &[Argument] = &[
    argument("a method", Kind::Words(METHODS), "The method of HTTP."),
    argument(
        "a URL",
        Kind::Text,
        "Where it is asked; `{{ machine }}`, `{{ address }}`, `{{ system }}` and `{{ username }}` stand for what the site says.",
    ),
];

const REQUEST_PARTS: &[Child] = &[any(&HEADER), optional(&BODY)];

const fn request(name: &'static str, doc: &'static str) -> NodeSchema {
    NodeSchema {
        name,
        doc,
        arguments: ASKED,
        properties: &[],
        children: REQUEST_PARTS,
    }
}

const ON: NodeSchema = request(
    "on",
    "Webhook alone: what is asked to give the machine power.",
);
const SOFT_OFF: NodeSchema = request(
    "soft-off",
    "Webhook alone: what is asked to have its system stop.",
);
const OFF: NodeSchema = request(
    "off",
    "Webhook alone: what is asked to take its power away.",
);
const CYCLE: NodeSchema = request(
    "cycle",
    "Webhook alone: what is asked to switch it off and on again.",
);
const RESET: NodeSchema = request(
    "reset",
    "Webhook alone: what is asked to restart it without a loss of power.",
);

const STATUS: NodeSchema = NodeSchema {
    name: "status",
    doc: "Webhook alone: what is asked to learn whether the machine has power; without it nobody knows.",
    arguments: ASKED,
    properties: &[],
    children: &[
        any(&HEADER),
        optional(&BODY),
        optional(&POINTER),
        Child {
            schema: &MEANS_ON,
            count: Count::One,
        },
        Child {
            schema: &MEANS_OFF,
            count: Count::One,
        },
    ],
};

const POINTER: NodeSchema = plain(
    "pointer",
    "Where in the answer's JSON the state stands (RFC 6901); without it the answer is a text in which `on` and `off` are looked for.",
    &[argument(
        "a JSON pointer",
        Kind::Text,
        "Such as `/outlets/0/state`.",
    )],
);

const WORDS: &[Argument] = &[arguments(
    "a value",
    Kind::Text,
    "The whole value at `pointer`, a number or a boolean as JSON writes it; without `pointer` a part of the text.",
)];

const MEANS_ON: NodeSchema = plain("on", "What means that it has power.", WORDS);
const MEANS_OFF: NodeSchema = plain("off", "What means that it has none.", WORDS);

const HEADER: NodeSchema = plain(
    "header",
    "Webhook alone: a header field of each request, or of the one that it stands in.",
    &[
        argument("a field", Kind::Text, "The field's name."),
        argument(
            "a value",
            Kind::Text,
            "Its value; `{{ password }}` stands for the secret that `password` leads to, and `{{ basic }}` for `username:password` in \
             base64, beside what a URL may hold.",
        ),
    ],
);

const BODY: NodeSchema = plain(
    "body",
    "What is sent, as JSON unless a `header` says otherwise.",
    &[argument(
        "a text",
        Kind::Text,
        "The text, with the places of a URL.",
    )],
);

const INTERFACE: NodeSchema = plain(
    "interface",
    "Wake-on-LAN alone: the card that is woken; by default the first one that has a MAC, and a VLAN with an IPv4 subnet.",
    &[argument(
        "a link",
        Kind::LinkName,
        "An interface of the machine.",
    )],
);

const SOCKET: NodeSchema = plain(
    "socket",
    "QEMU alone: where its monitor listens (`-qmp unix:PATH,server=on,wait=off`).",
    &[argument(
        "a path",
        Kind::Text,
        "A socket on the controller, by its absolute path.",
    )],
);

const INSTRUCTION: NodeSchema = plain(
    "instruction",
    "Manual alone: what a person is told of how to switch the machine.",
    &[argument(
        "a text",
        Kind::Text,
        "Such as `rack 7, unit 12: the button at the front`.",
    )],
);

const WITHIN: NodeSchema = plain(
    "within",
    "Manual alone: how long a person may take before the command fails; the default is half an hour.",
    &[argument(
        "a duration",
        Kind::Duration,
        "From one minute to a day.",
    )],
);

pub(super) fn read_switch(reader: &Reader<'_>, sink: &mut Sink<'_>) -> SwitchNode {
    let schemas = [
        (Some(PowerAction::On), &ON),
        (Some(PowerAction::SoftOff), &SOFT_OFF),
        (Some(PowerAction::Off), &OFF),
        (Some(PowerAction::Cycle), &CYCLE),
        (Some(PowerAction::Reset), &RESET),
        (None, &STATUS),
    ];
    let requests = schemas.into_iter().filter_map(|(action, schema)| {
        let node = reader.child(schema.name)?;
        Some(read_request(node, (action, schema), sink))
    });
    SwitchNode {
        requests: requests.collect(),
        fields: fields(reader, sink),
        interface: first(reader, &INTERFACE, sink),
        socket: first(reader, &SOCKET, sink),
        instruction: first(reader, &INSTRUCTION, sink),
        within: first(reader, &WITHIN, sink),
    }
}

fn read_request(
    node: Node<'_>,
    (action, schema): (Option<PowerAction>, &'static NodeSchema),
    sink: &mut Sink<'_>,
) -> RequestNode {
    let reader = open(node, schema, sink);
    let words = |child: &'static NodeSchema, sink: &mut Sink<'_>| -> Vec<Spanned<String>> {
        let node = reader.child(child.name).filter(|_| action.is_none());
        node.map_or_else(Vec::new, |node| open(node, child, sink).arguments(0, sink))
    };
    let (on, off) = (words(&MEANS_ON, sink), words(&MEANS_OFF, sink));
    let method = reader.word_argument(sink);
    let url = template(reader.argument(1, sink), Place::Open, sink);
    let body = template(first(&reader, &BODY, sink), Place::Open, sink);
    let pointer = match action {
        None => pointer(first(&reader, &POINTER, sink), sink),
        Some(_) => Slot::Absent,
    };
    RequestNode {
        action,
        method,
        url,
        fields: fields(&reader, sink),
        body,
        pointer,
        on,
        off,
        span: reader.span(),
    }
}

fn fields(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Vec<FieldNode> {
    let nodes: Vec<Node<'_>> = reader.children(HEADER.name).collect();
    let read = nodes.into_iter().filter_map(|node| {
        let reader = open(node, &HEADER, sink);
        let name: Spanned<FieldName> = reader.argument(0, sink).into_given()?;
        let value = template(reader.argument(1, sink), Place::Field, sink);
        if let Some(given) = value.given() {
            check_field(&name, given, sink);
        }
        Some(FieldNode { name, value })
    });
    read.collect()
}

fn check_field(name: &Spanned<FieldName>, value: &Spanned<Template>, sink: &mut Sink<'_>) {
    let is_shown = |place: &str| !SECRET_PLACES.contains(&place);
    if name.value.bears_secrets() && value.value.places().all(is_shown) {
        let message = "a secret may not stand in a site file";
        sink.report(
            Diagnostic::new(Code::SecretPlace, message)
                .label(value.span, "here")
                .help("write `{{ password }}` or `{{ basic }}`, and where the password is kept: password=(file)\"/absolute/path\""),
        );
        return;
    }
    let text = value.value.to_string();
    if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        let message = "a header field holds letters and signs of ASCII alone";
        sink.report(
            Diagnostic::new(Code::InvalidValue, message)
                .label(value.span, "with others")
                .help("remove the others"),
        );
    }
}

fn pointer(text: Slot<String>, sink: &mut Sink<'_>) -> Slot<String> {
    match text.given() {
        Some(given) if !given.value.is_empty() && !given.value.starts_with('/') => {
            let message = format!("`{}` is no JSON pointer", given.value);
            sink.report(
                Diagnostic::new(Code::InvalidValue, message)
                    .label(given.span, "does not begin with `/`")
                    .help(format!("write \"/{}\"", given.value.replace('.', "/"))),
            );
            Slot::Faulty
        }
        Some(_) | None => text,
    }
}

/// Where a template stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Where all can read it.
    Open,
    Field,
}

fn template(text: Slot<String>, place: Place, sink: &mut Sink<'_>) -> Slot<Template> {
    let Spanned { value, span } = match text {
        Slot::Given(given) => given,
        Slot::Absent => return Slot::Absent,
        Slot::Faulty => return Slot::Faulty,
    };
    let read = Template::read(&value);
    let fault = match &read {
        Err(error) => Some(unread(error, span)),
        Ok(read) => read.places().find_map(|name| misplaced(name, place, span)),
    };
    if let Some(fault) = fault {
        sink.report(fault);
        return Slot::Faulty;
    }
    read.map_or(Slot::Faulty, |read| Slot::Given(Spanned::new(read, span)))
}

fn unread(error: &TemplateError, span: Span) -> Diagnostic {
    Diagnostic::new(Code::TemplatePlace, error.to_string())
        .label(span, "in here")
        .help("a place is written `{{ name }}`")
}

fn misplaced(name: &str, place: Place, span: Span) -> Option<Diagnostic> {
    if !PLACES.contains(&name) {
        let message = format!("nothing is known here as `{name}`");
        let help = did_you_mean(name, PLACES)
            .unwrap_or_else(|| format!("known are {}", listed(PLACES.into_iter())));
        let fault = Diagnostic::new(Code::TemplatePlace, message);
        return Some(fault.label(span, "in here").help(help));
    }
    (place == Place::Open && SECRET_PLACES.contains(&name)).then(|| {
        let message = format!("`{name}` is a secret, and would be shown and logged here");
        Diagnostic::new(Code::SecretExposed, message)
            .label(span, "in here")
            .help(
                "secrets stand in a `header` alone: header \"Authorization\" \"Basic {{ basic }}\"",
            )
    })
}
