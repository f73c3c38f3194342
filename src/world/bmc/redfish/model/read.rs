//! Reads what a BMC wrote for what it means: numbers as text, nothing where there should be something. Never fails. Knows no socket.

use serde_json::Value;

use super::link::Link;

/// What is shown of one text of a BMC.
const LONGEST: usize = 256;

/// A member along a path of keys; none where it is null, too.
pub(crate) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    let found = path.iter().try_fold(value, |value, key| value.get(key))?;
    (!found.is_null()).then_some(found)
}

/// A text that is more than blanks; numbers and truths are texts, too.
pub(crate) fn text(value: &Value, path: &[&str]) -> Option<String> {
    match at(value, path)? {
        Value::String(text) => shown(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A text as it may be shown: bounded, on one line. None where nothing is left.
pub(crate) fn shown(text: &str) -> Option<String> {
    let words: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| !is_invisible(*c))
        .collect();
    let words = words.trim();
    (!words.is_empty()).then(|| words.chars().take(LONGEST).collect())
}

/// Marks that turn the direction of text around, or that nobody sees (UAX #9).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

pub(crate) fn truth(value: &Value, path: &[&str]) -> Option<bool> {
    match at(value, path)? {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Value::String(_) | Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

/// A reference to another resource.
pub(crate) fn link(value: &Value, path: &[&str]) -> Option<Link> {
    Link::of(at(value, path)?)
}

/// The items of a list; a lone object stands for a list of one.
pub(crate) fn items<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    match at(value, path) {
        Some(Value::Array(items)) => items,
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => &[],
    }
}

/// References to other resources.
pub(crate) fn links(value: &Value, path: &[&str]) -> Vec<Link> {
    items(value, path).iter().filter_map(Link::of).collect()
}

/// Texts of a list.
pub(crate) fn texts(value: &Value, path: &[&str]) -> Vec<String> {
    let items = items(value, path).iter();
    items.filter_map(|item| text(item, &[])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_bounded_and_on_one_line() {
        for (value, expected) in [
            (json!(" a\nb\u{202e} "), Some("a b")),
            (json!(7), Some("7")),
            (json!("  "), None),
            (json!({}), None),
        ] {
            let read = text(&json!({"a": value}), &["a"]);
            assert_eq!(read.as_deref(), expected, "{value}");
        }
        let long = json!({"a": "x".repeat(9999)});
        assert_eq!(text(&long, &["a"]).map(|text| text.len()), Some(LONGEST));
    }
}
