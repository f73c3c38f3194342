//! What a power switch that speaks HTTP is asked, and how its answer is read. Knows no socket.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{PowerAction, PowerState};
use crate::base::template::Template;
use crate::base::url::HttpUrl;

/// The places of a template that hold secrets, and so stand in header fields alone: the password, and `username:password` in base64
/// (RFC 7617).
pub const SECRET_PLACES: [&str; 2] = ["password", "basic"];

/// The places whose value the site says itself, and those that hold secrets.
pub const PLACES: [&str; 6] = [
    "machine", "address", "system", "username", "password", "basic",
];

/// The name of a header field (RFC 9110, section 5.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct FieldName(String);

/// Why a text is no [`FieldName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldNameError {
    #[error("`{0}` is no name of a header field")]
    Form(String),
    #[error("`{0}` is not for a site to set")]
    Own(String),
}

/// Fields that say where a message goes and ends (RFC 9110, sections 6.1 and 7).
const OWN: [&str; 7] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "te",
    "trailer",
    "upgrade",
];

/// Fields that hold secrets, by the ends of their names.
const SECRET_FIELDS: [&str; 6] = [
    "authorization",
    "cookie",
    "token",
    "key",
    "secret",
    "password",
];

impl FieldName {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a secret is what it is for.
    pub fn bears_secrets(&self) -> bool {
        bears_secrets(&self.0)
    }
}

/// Whether a field of this name is for a secret.
pub fn bears_secrets(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_FIELDS.iter().any(|end| name.ends_with(end))
}

impl FromStr for FieldName {
    type Err = FieldNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if text.is_empty() || text.len() > 100 || !text.bytes().all(is_token) {
            return Err(FieldNameError::Form(text.to_owned()));
        }
        match OWN.iter().any(|own| own.eq_ignore_ascii_case(text)) {
            true => Err(FieldNameError::Own(text.to_owned())),
            false => Ok(Self(text.to_owned())),
        }
    }
}

impl From<FieldName> for String {
    fn from(name: FieldName) -> Self {
        name.0
    }
}

impl TryFrom<String> for FieldName {
    type Error = FieldNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A request whose header fields may hold secrets that are filled in when it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerRequest {
    pub method: String,
    pub url: HttpUrl,
    /// Names and values, in the order that they are sent in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(FieldName, Template)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// All that a switch is asked: one request for each action that it has, and one that asks for the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerRequests {
    pub actions: BTreeMap<PowerAction, PowerRequest>,
    /// None for a switch that does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<(PowerRequest, PowerAnswer)>,
}

/// How the answer of a switch is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerAnswer {
    /// Where in the answer's JSON the state stands (RFC 6901); none where the answer is a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The values, or the parts of the text, that mean so.
    pub on: Vec<String>,
    pub off: Vec<String>,
}

/// Why an answer tells no state. None of these repeats it: a switch may echo what it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PowerAnswerError {
    #[error("its answer is no JSON")]
    Json,
    #[error("its answer has no value where the site's `pointer` points")]
    Nothing,
}

impl PowerAnswer {
    /// # Errors
    /// Where the answer has not the form that it should have. A value of which the site says nothing is an unknown state.
    pub fn read(&self, answer: &[u8]) -> Result<PowerState, PowerAnswerError> {
        let text = String::from_utf8_lossy(answer);
        let Some(pointer) = &self.pointer else {
            return Ok(self.of(|words| words.iter().any(|word| text.contains(word.as_str()))));
        };
        let text = text.trim_start_matches('\u{feff}');
        let read: Value = serde_json::from_str(text).map_err(|_| PowerAnswerError::Json)?;
        let value = match read.pointer(pointer) {
            Some(Value::String(value)) => value.clone(),
            Some(value @ (Value::Bool(_) | Value::Number(_) | Value::Null)) => value.to_string(),
            Some(Value::Array(_) | Value::Object(_)) | None => {
                return Err(PowerAnswerError::Nothing);
            }
        };
        Ok(self.of(|words| words.contains(&value)))
    }

    /// What both or neither of the two say is not known.
    fn of(&self, is_said: impl Fn(&[String]) -> bool) -> PowerState {
        match (is_said(&self.on), is_said(&self.off)) {
            (true, false) => PowerState::On,
            (false, true) => PowerState::Off,
            (true, true) | (false, false) => PowerState::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer(pointer: Option<&str>, on: &[&str], off: &[&str]) -> PowerAnswer {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        PowerAnswer {
            pointer: pointer.map(str::to_owned),
            on: owned(on),
            off: owned(off),
        }
    }

    #[test]
    fn names_of_fields_are_tokens_that_a_site_may_set() {
        for (text, expected) in [
            ("Authorization", Ok(true)),
            ("X-Api-Key", Ok(true)),
            ("x-auth-token", Ok(true)),
            ("Accept", Ok(false)),
            ("", Err("`` is no name of a header field")),
            ("a b", Err("`a b` is no name of a header field")),
            ("a:", Err("`a:` is no name of a header field")),
            ("Host", Err("`Host` is not for a site to set")),
        ] {
            let name = text.parse::<FieldName>();
            let name = name.map(|name| name.bears_secrets());
            let expected = expected.map_err(str::to_owned);
            assert_eq!(name.map_err(|error| error.to_string()), expected, "{text}");
        }
    }

    #[test]
    fn states_are_read_from_json_and_from_texts() {
        use PowerAnswerError::{Json, Nothing};
        use PowerState::{Off, On, Unknown};
        let json = answer(
            Some("/outlets/0/state"),
            &["ON", "1", "true"],
            &["OFF", "0", "null"],
        );
        let whole = answer(Some(""), &["true"], &["false"]);
        let text = answer(None, &["relay is on"], &["relay is off"]);
        for (how, said, expected) in [
            (&json, r#"{"outlets": [{"state": "ON"}]}"#, Ok(On)),
            (&json, r#"{"outlets": [{"state": 1}]}"#, Ok(On)),
            (&json, r#"{"outlets": [{"state": true}]}"#, Ok(On)),
            (&json, r#"{"outlets": [{"state": "OFF"}]}"#, Ok(Off)),
            (&json, r#"{"outlets": [{"state": null}]}"#, Ok(Off)),
            (&json, r#"{"outlets": [{"state": "on"}]}"#, Ok(Unknown)),
            (&json, r#"{"outlets": [{"state": "pending"}]}"#, Ok(Unknown)),
            (&json, r#"{"outlets": [{"state": {}}]}"#, Err(Nothing)),
            (&json, r#"{"outlets": []}"#, Err(Nothing)),
            (&json, "ON", Err(Json)),
            (&json, "", Err(Json)),
            (&whole, "true", Ok(On)),
            (&whole, "\u{feff} false ", Ok(Off)),
            (&text, "<b>relay is on</b>", Ok(On)),
            (&text, "relay is off\n", Ok(Off)),
            (&text, "relay is on, relay is off", Ok(Unknown)),
            (&text, "", Ok(Unknown)),
        ] {
            assert_eq!(how.read(said.as_bytes()), expected, "{said}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), pointer in ".{0,20}") {
            let _ = answer(Some(&pointer), &["1"], &["0"]).read(&bytes);
            let _ = answer(None, &["1"], &["0"]).read(&bytes);
        }
    }
}
