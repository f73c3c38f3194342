//! Where a resource is: a path on the same host, whatever a BMC writes (DSP0266, section "Resource identifiers"). Knows no socket.

use std::fmt;

use serde_json::Value;

/// Longer ones are no links.
const LONGEST: usize = 1024;

/// A path, with its query; safe to send as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Link(String);

impl Link {
    /// The one path that is known from the start (DSP0266, section "Service root request").
    pub(crate) fn root() -> Self {
        Self("/redfish/v1/".to_owned())
    }

    /// Where the sessions are if nothing says so (DSP0266, section "Session login").
    pub(crate) fn sessions() -> Self {
        Self("/redfish/v1/SessionService/Sessions".to_owned())
    }

    /// What a BMC wrote: a path, or a URL whose host is not looked at. What leads into a resource is left out.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (_, path) = split(text);
        let path = path.split('#').next().unwrap_or(path);
        let is_path = path.starts_with('/') && !path.starts_with("//");
        if !is_path || path.len() > LONGEST {
            return None;
        }
        Some(Self(path.bytes().fold(String::new(), encoded)))
    }

    /// A reference: `{"@odata.id": "…"}`, as a resource names itself and others.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        Self::read(value.get("@odata.id")?.as_str()?)
    }

    /// The scheme and the authority that a URL names, where it names them.
    pub(crate) fn authority(text: &str) -> Option<(&str, &str)> {
        let authority = split(text).0?;
        let (scheme, _) = text.trim().split_once("://")?;
        Some((scheme, authority))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part of the path, which mostly is the resource's id.
    pub(crate) fn id(&self) -> &str {
        let path = self.0.split('?').next().unwrap_or_default();
        path.trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default()
    }

    /// The same with a question to the service; a link that has one is left alone.
    pub(crate) fn asking(&self, query: &str) -> Option<Self> {
        (!self.0.contains('?')).then(|| Self(format!("{}?{query}", self.0)))
    }

    /// Without the slash at the end: services differ in whether there is one.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.trim_end_matches('/') == other.0.trim_end_matches('/')
    }
}

/// The authority and what follows it.
fn split(text: &str) -> (Option<&str>, &str) {
    let text = text.trim();
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else {
        return (None, text);
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    (Some(authority), path)
}

/// What may not stand in a path is written as its number (RFC 3986, section 2.1): some BMCs put spaces into ids.
fn encoded(mut path: String, byte: u8) -> String {
    match byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=%".contains(&byte) {
        true => path.push(char::from(byte)),
        false => path.push_str(&format!("%{byte:02X}")),
    }
    path
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Uri;
    use proptest::prelude::*;

    #[test]
    fn links_are_paths_on_the_same_host() {
        for (text, expected) in [
            ("/redfish/v1/Systems/1", Some("/redfish/v1/Systems/1")),
            ("/a#/Temperatures/0", Some("/a")),
            ("/a?$skip=50", Some("/a?$skip=50")),
            ("/a b/\u{e4}", Some("/a%20b/%C3%A4")),
            ("/a\r\nb", Some("/a%0D%0Ab")),
            ("https://other.example/a", Some("/a")),
            ("http://u:p@h:1/a", Some("/a")),
            ("https://other.example", None),
            ("//other.example/a", None),
            ("ftp://a/b", None),
            ("a", None),
            ("", None),
        ] {
            let read = Link::read(text);
            assert_eq!(read.as_ref().map(Link::as_str), expected, "{text}");
        }
        assert_eq!(Link::read(&format!("/{}", "x".repeat(2000))), None);
    }

    #[test]
    fn ids_are_the_last_part() {
        for (text, expected) in [("/a/b", "b"), ("/a/b/", "b"), ("/a/b?c=/d", "b"), ("/", "")] {
            assert_eq!(Link::read(text).unwrap().id(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_link_can_be_sent(text in ".*") {
            if let Some(link) = Link::read(&format!("/{text}")) {
                prop_assert!(link.as_str().parse::<Uri>().is_ok());
                prop_assert!(link.as_str().starts_with('/'));
            }
        }
    }
}
