//! `webhook`: a URL that is told when something happens to a lease.

use super::super::kdl::Node;
use super::super::read::{Reader, Sink};
use super::super::schema::{Count, Kind, NodeSchema, Property};
use super::super::slot::Slot;
use super::hook::{EVENTS, TIME};
use super::{argument, child, first, open, optional, plain};
use crate::base::duration::Seconds;
use crate::base::hook::HookEvent;
use crate::base::name::Name;
use crate::base::secret::SecretRef;
use crate::base::webhook::{WebhookUrl, WebhookUrlError};
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};
use crate::lang::schema::Child;

/// A URL that is told when something happens to a lease.
#[derive(Debug)]
pub struct WebhookNode {
    pub name: Spanned<Name>,
    pub url: Slot<WebhookUrl>,
    pub events: Vec<Spanned<HookEvent>>,
    pub secret: Slot<SecretRef>,
    pub within: Slot<Seconds>,
    /// Whether a part of it could not be read.
    pub is_partial: bool,
    pub span: Span,
}

pub(super) const WEBHOOK: NodeSchema = NodeSchema {
    name: "webhook",
    doc: "A URL that a controller POSTs to when something happens to a lease there: the event as `bedplate events --json` prints it, \
          signed as Standard Webhooks are. No answer to a client waits for it; a webhook's events come one after another, are tried again \
          while nobody takes them, and are not kept over a restart.",
    arguments: &[argument("a name", Kind::Name, "The webhook's name.")],
    properties: &[Property {
        name: "url",
        doc: "Where it is told: `https://`, verified by the certificate authorities that the controller trusts; `http://` to \
              `localhost`, 127.0.0.0/8 and `[::1]` alone. It is shown in plans, and no place for a secret.",
        kind: Kind::Url,
        required: true,
    }],
    children: &CHILDREN,
};

const CHILDREN: [Child; 3] = [
    child(&ON, Count::One),
    child(&SECRET, Count::One),
    optional(&WITHIN),
];

const ON: NodeSchema = plain("on", "What it is told of.", EVENTS);

const SECRET: NodeSchema = NodeSchema {
    name: "secret",
    doc: "The key that what is told is signed with. It is read anew for each event; one that begins with `whsec_` is base64 behind that.",
    arguments: &[argument(
        "a reference",
        Kind::Secret,
        "Where the key is kept on the controller.",
    )],
    properties: &[],
    children: &[],
};

const WITHIN: NodeSchema = plain(
    "within",
    "How long one try may take, from looking up the host to the answer; the default is ten seconds.",
    TIME,
);

pub(super) fn read_webhook(node: Node<'_>, sink: &mut Sink<'_>) -> Option<WebhookNode> {
    let reader = open(node, &WEBHOOK, sink);
    let name = reader.argument(0, sink).into_given();
    let on = reader.child(ON.name).map(|node| open(node, &ON, sink));
    let events: Vec<Spanned<HookEvent>> = on
        .as_ref()
        .map_or_else(Vec::new, |on| on.arguments(0, sink));
    let written = on.map_or(0, |on| on.values().count());
    let secret = reader.child(SECRET.name).map_or(Slot::Faulty, |node| {
        open(node, &SECRET, sink).secret_argument(sink)
    });
    Some(WebhookNode {
        name: name?,
        url: url(&reader, sink),
        is_partial: events.len() < written || reader.is_partial(),
        events,
        secret,
        within: first(&reader, &WITHIN, sink),
        span: reader.span(),
    })
}

fn url(reader: &Reader<'_>, sink: &mut Sink<'_>) -> Slot<WebhookUrl> {
    let Some(written) = reader.property::<String>("url", sink).into_given() else {
        return Slot::Faulty;
    };
    match written.value.parse() {
        Ok(url) => Slot::Given(Spanned::new(url, written.span)),
        Err(error) => {
            sink.report(refused(error, written.span));
            Slot::Faulty
        }
    }
}

fn refused(error: WebhookUrlError, span: Span) -> Diagnostic {
    let (code, label, help) = match error {
        WebhookUrlError::Form => (
            Code::InvalidValue,
            "not such a URL",
            "write https://, the host, and a path; without a `#` and what follows it",
        ),
        WebhookUrlError::Credentials => (
            Code::WebhookCredentials,
            "before the `@`",
            "take them out: `secret` signs what is told, and the receiver checks that",
        ),
        WebhookUrlError::Plain => (
            Code::WebhookPlain,
            "anybody on the way reads and changes it",
            "write https://; plain http:// goes to localhost, 127.0.0.1 and [::1] alone",
        ),
    };
    Diagnostic::new(code, error.to_string())
        .label(span, label)
        .help(help)
}
