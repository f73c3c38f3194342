//! One value: from what is written to what its place needs, or the fault that says why not.

use std::fmt::Display;
use std::str::FromStr;

use super::kdl::{Scalar, Value, lookalike};
use super::read::Sink;
use super::remedy::remedy;
use super::schema::Kind;
use super::slot::Slot;
use crate::base::program::ProgramLineError;
use crate::base::secret::{SecretRef, SecretRefError};
use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::{Span, Spanned};
use crate::diag::suggest::{did_you_mean, listed};

/// Reads a value that is written as text.
pub(super) fn text<T>(value: Value<'_>, kind: Kind, sink: &mut Sink<'_>) -> Slot<T>
where
    T: FromStr<Err: Display>,
{
    let written = match value.scalar {
        Scalar::Text(written) => written,
        Scalar::Faulty => return Slot::Faulty,
        Scalar::Integer(_) | Scalar::Float(_) | Scalar::Bool(_) | Scalar::Null => {
            sink.report(wrong_type(value, kind));
            return Slot::Faulty;
        }
    };
    if annotated(value, sink) {
        return Slot::Faulty;
    }
    match written.parse() {
        Ok(read) => Slot::Given(Spanned::new(read, value.span)),
        Err(error) => {
            sink.report(invalid(written, value.span, kind, &error));
            Slot::Faulty
        }
    }
}

pub(super) fn integer<T: TryFrom<i128>>(
    value: Value<'_>,
    kind: Kind,
    sink: &mut Sink<'_>,
) -> Slot<T> {
    let (least, most) = kind.integer_bounds().unwrap_or((0, u32::MAX));
    integer_within(value, kind, (least.into(), most.into()), sink)
}

/// Reads a whole number within bounds, both included.
pub(super) fn integer_within<T: TryFrom<i128>>(
    value: Value<'_>,
    kind: Kind,
    (least, most): (i64, i64),
    sink: &mut Sink<'_>,
) -> Slot<T> {
    if value.scalar == Scalar::Faulty {
        return Slot::Faulty;
    }
    let Scalar::Integer(number) = value.scalar else {
        sink.report(wrong_type(value, kind));
        return Slot::Faulty;
    };
    if annotated(value, sink) {
        return Slot::Faulty;
    }
    let fits = (i128::from(least)..=i128::from(most)).contains(&number);
    match T::try_from(number) {
        Ok(read) if fits => Slot::Given(Spanned::new(read, value.span)),
        _ => {
            sink.report(
                Diagnostic::new(
                    Code::InvalidValue,
                    format!("{number} is not between {least} and {most}"),
                )
                .label(value.span, "out of bounds"),
            );
            Slot::Faulty
        }
    }
}

/// Reads a word of a closed set.
pub(super) fn word(value: Value<'_>, kind: Kind, sink: &mut Sink<'_>) -> Slot<String> {
    let found: Slot<String> = text(value, kind, sink);
    let words = kind.words().unwrap_or_default();
    match found.given() {
        Some(one) if !words.contains(&one.value.as_str()) => {
            let error = format!("`{}` is not known here", one.value);
            sink.report(invalid(&one.value, one.span, kind, &error));
            Slot::Faulty
        }
        Some(_) | None => found,
    }
}

pub(super) fn flag(value: Value<'_>, kind: Kind, sink: &mut Sink<'_>) -> Slot<bool> {
    match value.scalar {
        Scalar::Faulty => Slot::Faulty,
        Scalar::Bool(_) if annotated(value, sink) => Slot::Faulty,
        Scalar::Bool(flag) => Slot::Given(Spanned::new(flag, value.span)),
        Scalar::Text(_) | Scalar::Integer(_) | Scalar::Float(_) | Scalar::Null => {
            sink.report(wrong_type(value, kind));
            Slot::Faulty
        }
    }
}

/// Reads where a secret is kept. What stands there without saying so may be a secret, and is not repeated.
pub(super) fn secret(value: Value<'_>, kind: Kind, sink: &mut Sink<'_>) -> Slot<SecretRef> {
    let place = match value.scalar {
        Scalar::Faulty => return Slot::Faulty,
        Scalar::Text(place) => place,
        Scalar::Integer(_) | Scalar::Float(_) | Scalar::Bool(_) | Scalar::Null => {
            sink.report(wrong_type(value, kind));
            return Slot::Faulty;
        }
    };
    let known = value
        .annotation
        .map(|kind| (kind, SecretRef::new(kind.value, place)));
    let (span, problem) = match known {
        Some((_, Ok(reference))) => return Slot::Given(Spanned::new(reference, value.span)),
        Some((kind, Err(error @ SecretRefError::Kind))) => (kind.span, error.to_string()),
        Some((_, Err(error))) => (value.span, error.to_string()),
        None => (
            value.span,
            "a secret may not stand in a site file".to_owned(),
        ),
    };
    let help = match known {
        Some((_, Err(SecretRefError::Program(error)))) => of_program(error),
        Some(_) | None => {
            "write where it is kept: (env)\"NAME\", (file)\"/absolute/path\", (credential)\"name\" or (exec)\"/program argument\""
        }
    };
    let fault = Diagnostic::new(Code::SecretPlace, problem).label(span, "here");
    sink.report(fault.help(help));
    Slot::Faulty
}

fn of_program(error: ProgramLineError) -> &'static str {
    match error {
        ProgramLineError::Relative => {
            "begin with `/`: (exec)\"/usr/local/bin/secret-of bmc/rack-7\""
        }
        ProgramLineError::Shell(_) | ProgramLineError::Form => {
            "put what needs more than words between spaces into a script on the controller, and name that"
        }
    }
}

fn annotated(value: Value<'_>, sink: &mut Sink<'_>) -> bool {
    let Some(annotation) = value.annotation else {
        return false;
    };
    sink.report(
        Diagnostic::new(
            Code::WrongType,
            format!(
                "a type annotation `({})` means nothing here",
                annotation.value
            ),
        )
        .label(annotation.span, "annotated here")
        .help("remove it; annotations are for secrets"),
    );
    true
}

fn wrong_type(value: Value<'_>, kind: Kind) -> Diagnostic {
    let found = match value.scalar {
        Scalar::Text(_) => "a text",
        Scalar::Integer(_) => "a number",
        Scalar::Float(_) => "a fraction",
        Scalar::Bool(_) => "a boolean",
        Scalar::Null | Scalar::Faulty => "null",
    };
    let message = format!("{} is needed, and this is {found}", kind.describe());
    let help = match (value.scalar, kind) {
        (Scalar::Text(text), Kind::Integer { .. }) if text.parse::<i128>().is_ok() => {
            "write the number without quotes".to_owned()
        }
        (_, Kind::Integer { least, most }) => format!("write a number from {least} to {most}"),
        (_, kind) => known_words(kind).unwrap_or_else(|| format!("write it as {}", kind.example())),
    };
    Diagnostic::new(Code::WrongType, message)
        .label(value.span, format!("{found} stands here"))
        .help(help)
}

/// All words of a closed set.
fn known_words(kind: Kind) -> Option<String> {
    let words = kind.words()?;
    Some(format!("known are {}", listed(words.iter().copied())))
}

fn invalid(written: &str, span: Span, kind: Kind, error: &dyn Display) -> Diagnostic {
    let code = if kind.is_name() {
        Code::InvalidName
    } else {
        Code::InvalidValue
    };
    let help = kind
        .words()
        .and_then(|words| did_you_mean(written, words.iter().copied()))
        .or_else(|| known_words(kind));
    let help = help
        .or_else(|| kind.is_name().then(|| lookalike(written)).flatten())
        .or_else(|| remedy(written, kind));
    let message = if kind.is_address() {
        // The standard library does not say what it read.
        format!("`{written}` is not {}", kind.describe())
    } else {
        error.to_string()
    };
    let label = match kind.words() {
        Some(_) => "not one of the words for this place".to_owned(),
        // A text it is.
        None if matches!(kind, Kind::Text) => "not as it should be".to_owned(),
        None => format!("not {}", kind.describe()),
    };
    Diagnostic::new(code, message)
        .label(span, label)
        .maybe_help(help)
}
