//! Virtual media (DSP2046, "VirtualMedia"). Knows no socket.

use serde_json::{Value, json};

use super::action::Action;
use super::link::Link;
use super::read::{text, texts, truth};
use crate::base::bmc::Media;

/// A drive as a resource tells it.
pub(crate) fn media(value: &Value, place: &Link) -> Media {
    let image = text(value, &["Image"]).map(|url| bare(&url));
    let is_inserted = is_filled(value);
    let id = text(value, &["Id"]).unwrap_or_else(|| place.id().to_owned());
    Media {
        name: text(value, &["Name"]).unwrap_or_else(|| id.clone()),
        id,
        kinds: texts(value, &["MediaTypes"]),
        // Some keep the name of what was there.
        image: image.filter(|_| is_inserted),
        is_inserted,
    }
}

/// Whether a URL may hold more than where something is.
pub(crate) fn is_secret(url: &str) -> bool {
    url.contains(['@', '?'])
}

/// A URL without the user and the password that some write into it (RFC 3986, section 3.2.1), and without a query, which may give leave
/// as they do.
fn bare(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// What the action of inserting is told: no more than must be, for some refuse what they do not know.
pub(crate) fn insertion(action: &Action, url: &str) -> Value {
    let scheme = url.split("://").next().unwrap_or_default();
    // `allowed` is of the parameter that names the transport: whoever lists it, wants it.
    let mut listed = action.allowed.iter();
    match listed.find(|one| one.eq_ignore_ascii_case(scheme)) {
        Some(transport) => json!({"Image": url, "TransferProtocolType": transport}),
        None => json!({ "Image": url }),
    }
}

/// What a drive without actions is told.
pub(crate) fn written(url: Option<&str>) -> Value {
    json!({"Image": url, "Inserted": url.is_some()})
}

/// What is in a drive, in words.
pub(crate) fn said(value: &Value) -> String {
    word(is_filled(value)).to_owned()
}

pub(crate) fn word(is_filled: bool) -> &'static str {
    if is_filled { "filled" } else { "empty" }
}

/// Whether something is in a drive.
pub(crate) fn is_filled(value: &Value) -> bool {
    truth(value, &["Inserted"]).unwrap_or_else(|| text(value, &["Image"]).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drives_are_read_without_secrets() {
        let place = Link::read("/m/Cd").unwrap();
        for (value, image, is_inserted) in [
            (json!({}), None, false),
            (json!({"Image": "", "Inserted": false}), None, false),
            (json!({"Image": "boot.iso", "Inserted": false}), None, false),
            (
                json!({"Image": "http://a/b.iso"}),
                Some("http://a/b.iso"),
                true,
            ),
            (
                json!({"Image": "nfs://u:hunter2@a@b:1/c?d", "Inserted": true}),
                Some("nfs://b:1/c"),
                true,
            ),
            (json!({"Inserted": true}), None, true),
            (json!([]), None, false),
        ] {
            let read = media(&value, &place);
            assert_eq!(
                (read.image.as_deref(), read.is_inserted),
                (image, is_inserted),
                "{value}"
            );
            assert_eq!(is_filled(&value), is_inserted, "{value}");
            assert_eq!((read.id.as_str(), read.name.as_str()), ("Cd", "Cd"));
        }
    }

    #[test]
    fn the_transport_is_named_where_it_is_listed() {
        let action = |allowed: &[&str]| Action {
            target: Link::root(),
            allowed: allowed.iter().map(|one| (*one).to_owned()).collect(),
            info: None,
        };
        for (allowed, expected) in [
            (&[][..], json!({"Image": "https://a/b"})),
            (
                &["NFS", "HTTPS"],
                json!({"Image": "https://a/b", "TransferProtocolType": "HTTPS"}),
            ),
            (&["NFS"], json!({"Image": "https://a/b"})),
        ] {
            assert_eq!(insertion(&action(allowed), "https://a/b"), expected);
        }
    }
}
