//! What a BMC says of a request that it refuses or has carried out (DSP0266, section "Error responses").

use serde_json::Value;

use super::read::{items, shown, text};

/// The first message that tells more than that something went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Message {
    /// Without the registry's version: `Base.ActionNotSupported`.
    pub(crate) code: Option<String>,
    pub(crate) words: Option<String>,
}

/// Of an error's body.
pub(crate) fn message(body: &Value) -> Message {
    let error = body.get("error").unwrap_or(body);
    let found = best(items(error, &["@Message.ExtendedInfo"]));
    let found = found.unwrap_or_default();
    Message {
        code: found.code.or_else(|| code(error, "code")),
        words: found.words.or_else(|| text(error, &["message"])),
    }
}

/// The best of a list of messages: not the one that says only that there was an error.
pub(crate) fn best(messages: &[Value]) -> Option<Message> {
    let mut read = messages.iter().map(|message| Message {
        code: code(message, "MessageId"),
        words: text(message, &["Message"]),
    });
    let first = read.next()?;
    let is_general = |message: &Message| {
        let name = message.code.as_deref().map_or("", name);
        matches!(name, "" | "GeneralError" | "Success")
    };
    match is_general(&first) {
        true => Some(read.find(|message| !is_general(message)).unwrap_or(first)),
        false => Some(first),
    }
}

/// A message's id, without the version of its registry.
fn code(value: &Value, key: &str) -> Option<String> {
    let id = text(value, &[key])?;
    let parts = id.split('.').filter(|part| part.parse::<u32>().is_err());
    shown(&parts.collect::<Vec<_>>().join("."))
}

/// The last part of a message's id, by which messages are told apart.
pub(crate) fn name(code: &str) -> &str {
    code.rsplit('.').next().unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_message_that_tells_most_is_taken() {
        for (body, code, words) in [
            (json!({}), None, None),
            (json!([]), None, None),
            (
                json!({"error": {"code": "Base.1.0.GeneralError", "message": "See ExtendedInfo"}}),
                Some("Base.GeneralError"),
                Some("See ExtendedInfo"),
            ),
            (
                json!({"error": {"code": "Base.1.0.GeneralError", "message": "no", "@Message.ExtendedInfo": [
                    {"MessageId": "Base.1.12.GeneralError"},
                    {"MessageId": "Base.1.12.ActionNotSupported", "Message": "Not here"},
                ]}}),
                Some("Base.ActionNotSupported"),
                Some("Not here"),
            ),
            (
                json!({"error": {"@Message.ExtendedInfo": {"MessageId": "iLO.2.14.InvalidOperationForSystemState"}}}),
                Some("iLO.InvalidOperationForSystemState"),
                None,
            ),
            (json!({"error": "no"}), None, None),
        ] {
            let read = message(&body);
            assert_eq!(
                (read.code.as_deref(), read.words.as_deref()),
                (code, words),
                "{body}"
            );
        }
    }
}
