//! What a BMC says that only switches. Secrets are places there, and not known here.

use std::fmt::Display;

use super::pen::Pen;
use crate::base::bmc::PowerAction;
use crate::lang::Slot;
use crate::lang::node::{FieldNode, RequestNode, SwitchNode};

pub(super) fn values(node: &SwitchNode, pen: &mut Pen<'_>) {
    let SwitchNode {
        requests,
        fields,
        interface,
        socket,
        instruction,
        within,
    } = node;
    for one in requests {
        request(one, pen);
    }
    header("header", fields, pen);
    pen.slot("interface", interface);
    pen.slot("socket", socket);
    pen.slot("instruction", instruction);
    pen.slot("within", within);
}

fn request(node: &RequestNode, pen: &mut Pen<'_>) {
    let RequestNode {
        action,
        method,
        url,
        fields,
        body,
        pointer,
        on,
        off,
        span,
    } = node;
    let name = action.map_or("status", PowerAction::word);
    let method = method.value().map_or("?", String::as_str);
    let url = url.value().map(ToString::to_string).unwrap_or_default();
    pen.written(name, format!("{method} {url}"), *span);
    header(&format!("{name}.header"), fields, pen);
    part(name, "body", body, pen);
    part(name, "pointer", pointer, pen);
    for (part, words) in [("on", on), ("off", off)] {
        for word in words {
            pen.written(format!("{name}.{part}"), &word.value, word.span);
        }
    }
}

fn part(name: &str, part: &str, slot: &Slot<impl Display>, pen: &mut Pen<'_>) {
    if let Some(given) = slot.given() {
        pen.written(format!("{name}.{part}"), &given.value, given.span);
    }
}

fn header(name: &str, fields: &[FieldNode], pen: &mut Pen<'_>) {
    for FieldNode { name: field, value } in fields {
        if let Some(value) = value.value() {
            let text = format!("{}: {value}", field.value);
            pen.written(name.to_owned(), text, field.span);
        }
    }
}
