//! Reads what a BMC wrote for what it means: numbers as text, nothing where there should be something. Never fails. Knows no socket.

use serde_json::Value;

use super::link::Link;
use crate::base::bmc::Health;

/// What is shown of one text of a BMC.
const LONGEST: usize = 256;
/// What is read of one list, and of one that is shown.
const ITEMS: usize = 4096;
const SHOWN: usize = 64;

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

/// A finite number, also where it is written as text, with a unit behind it or not.
pub(crate) fn number(value: &Value, path: &[&str]) -> Option<f64> {
    let number = match at(value, path)? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.split_whitespace().next()?.parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    f64::is_finite(number).then_some(number)
}

/// A count: a whole number that is not negative.
pub(crate) fn count(value: &Value, path: &[&str]) -> Option<u64> {
    if let Some(count) = at(value, path)?.as_u64() {
        return Some(count);
    }
    let number = number(value, path)?;
    // Above this not every number is exact.
    let is_count = (0.0..=9_007_199_254_740_992.0).contains(&number);
    is_count.then_some(number as u64)
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

/// The first items of a list; a lone object stands for a list of one.
pub(crate) fn items<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    let items = match at(value, path) {
        Some(Value::Array(items)) => items,
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => &[],
    };
    items.get(..ITEMS).unwrap_or(items)
}

/// References to other resources.
pub(crate) fn links(value: &Value, path: &[&str]) -> Vec<Link> {
    items(value, path).iter().filter_map(Link::of).collect()
}

/// Texts of a list.
pub(crate) fn texts(value: &Value, path: &[&str]) -> Vec<String> {
    let items = items(value, path).iter();
    items
        .filter_map(|item| text(item, &[]))
        .take(SHOWN)
        .collect()
}

/// How a thing does, as its `Status` has it (DSP2046, "Status").
pub(crate) fn health(value: &Value) -> Health {
    match text(value, &["Status", "Health"]).as_deref() {
        Some("OK") => Health::Ok,
        Some("Warning") => Health::Warning,
        Some("Critical") => Health::Critical,
        _ => Health::Unknown,
    }
}

/// Whether a place is there but nothing is in it, or is switched off.
pub(crate) fn is_empty_place(value: &Value) -> bool {
    matches!(
        text(value, &["Status", "State"]).as_deref(),
        Some("Absent" | "Disabled" | "UnavailableOffline")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_read_as_they_come() {
        for (value, expected) in [
            (json!(41), Some(41.0)),
            (json!(-1.5), Some(-1.5)),
            (json!("41"), Some(41.0)),
            (json!(" 41.5 C"), Some(41.5)),
            (json!("NaN"), None),
            (json!("inf"), None),
            (json!("N/A"), None),
            (json!(""), None),
            (json!(null), None),
            (json!([1]), None),
            (json!(true), None),
        ] {
            assert_eq!(number(&json!({"a": value}), &["a"]), expected, "{value}");
        }
        assert_eq!(number(&json!({}), &["a"]), None);
        assert_eq!(number(&json!([]), &["a", "b"]), None);
    }

    #[test]
    fn counts_are_whole() {
        for (value, expected) in [
            (json!(u64::MAX), Some(u64::MAX)),
            (json!("16"), Some(16)),
            (json!(16.0), Some(16)),
            (json!(-1), None),
            (json!(1e300), None),
        ] {
            assert_eq!(count(&json!({"a": value}), &["a"]), expected, "{value}");
        }
    }

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
