//! What a request gets: a file, word that it did not change, or a refusal. Knows no sockets and reads no files.

use axum::http::header::{
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};

use crate::base::digest::Digest;
use crate::serve::files::{BootFiles, StoredFile};

/// What a request gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    Send(StoredFile),
    /// The client has this content already (RFC 9110 13.1.2).
    Unchanged(StoredFile),
    Refuse(StatusCode),
}

/// Decides a request, and takes from its headers every condition, since content has one validator: its digest. Times
/// of blobs say nothing of when a path began to mean them.
pub(super) fn decide(
    method: &Method,
    path: &str,
    headers: &mut HeaderMap,
    files: &BootFiles,
) -> Decision {
    if method != Method::GET && method != Method::HEAD {
        return Decision::Refuse(StatusCode::METHOD_NOT_ALLOWED);
    }
    let found = path
        .strip_prefix('/')
        .and_then(decode)
        .and_then(|path| path.parse().ok())
        .and_then(|path| files.get(&path).cloned());
    let Some(stored) = found else {
        return Decision::Refuse(StatusCode::NOT_FOUND);
    };
    let tag = entity_tag(&stored.file.digest);
    let names_tag = |name: HeaderName| {
        let values = headers.get_all(name);
        let mut tags = values
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        tags.any(|found| matches!(found.trim(), "*") || found.trim() == tag)
    };
    let unchanged = names_tag(IF_NONE_MATCH);
    let other_expected = headers.contains_key(IF_MATCH) && !names_tag(IF_MATCH);
    let range_of_other = headers.contains_key(IF_RANGE) && !names_tag(IF_RANGE);
    let conditions = [
        IF_NONE_MATCH,
        IF_MATCH,
        IF_RANGE,
        IF_MODIFIED_SINCE,
        IF_UNMODIFIED_SINCE,
    ];
    for condition in conditions {
        headers.remove(condition);
    }
    if range_of_other {
        headers.remove(RANGE);
    }
    if other_expected {
        Decision::Refuse(StatusCode::PRECONDITION_FAILED)
    } else if unchanged {
        Decision::Unchanged(stored)
    } else {
        Decision::Send(stored)
    }
}

/// The validator of a content (RFC 9110 8.8.3).
pub(super) fn entity_tag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// A path without percent-encoding (RFC 3986 2.1); none where that is broken.
fn decode(path: &str) -> Option<String> {
    let mut pieces = path.split('%');
    let mut decoded = pieces.next()?.to_owned();
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2)?;
        let byte = u8::from_str_radix(code, 16).ok().filter(u8::is_ascii)?;
        decoded.push(char::from(byte));
        decoded.push_str(rest);
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::state::{BootFile, Key, Resource, State};

    fn check(method: &str, path: &str, headers: &[(HeaderName, &str)]) -> (String, bool) {
        let file = BootFile {
            digest: Digest::of(b""),
            size: 0,
        };
        let key = Key::BootFile {
            path: "boot/a b".replace(' ', "~").parse().unwrap(),
        };
        let state = State::from([(key, Resource::BootFile(file))]);
        let files = BootFiles::new(&state, Path::new("/blobs"));
        let mut given: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect();
        let decision = match decide(&method.parse().unwrap(), path, &mut given, &files) {
            Decision::Send(_) => "send".to_owned(),
            Decision::Unchanged(_) => "unchanged".to_owned(),
            Decision::Refuse(status) => status.as_u16().to_string(),
        };
        (decision, given.contains_key(RANGE))
    }

    #[test]
    fn only_reading_of_served_paths_is_allowed() {
        let cases = [
            ("GET", "/boot/a~b", "send"),
            ("HEAD", "/boot/a%7eb", "send"),
            ("GET", "/boot/a%7", "404"),
            ("GET", "/boot/a%ffb", "404"),
            ("GET", "/boot/%2e%2e/boot/a~b", "404"),
            ("GET", "//boot/a~b", "404"),
            ("GET", "/boot", "404"),
            ("GET", "*", "404"),
            ("POST", "/boot/a~b", "405"),
            ("DELETE", "/none", "405"),
        ];
        for (method, path, expected) in cases {
            assert_eq!(check(method, path, &[]).0, expected, "{method} {path}");
        }
    }

    #[test]
    fn the_digest_is_the_only_validator() {
        let tag = entity_tag(&Digest::of(b""));
        let tags = format!("\"x\", {tag}");
        let range = (RANGE, "bytes=0-1");
        let cases: [(HeaderName, &str, &str, bool); 8] = [
            (IF_NONE_MATCH, &tags, "unchanged", true),
            (IF_NONE_MATCH, "*", "unchanged", true),
            (IF_NONE_MATCH, "\"x\"", "send", true),
            (IF_MATCH, &tag, "send", true),
            (IF_MATCH, "\"x\"", "412", true),
            (IF_RANGE, &tag, "send", true),
            (IF_RANGE, "\"x\"", "send", false),
            (
                IF_MODIFIED_SINCE,
                "Fri, 01 Jan 2100 00:00:00 GMT",
                "send",
                true,
            ),
        ];
        for (name, value, expected, ranged) in cases {
            let found = check("GET", "/boot/a~b", &[(name.clone(), value), range.clone()]);
            assert_eq!(found, (expected.to_owned(), ranged), "{name}: {value}");
        }
    }
}
