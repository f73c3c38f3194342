//! Where webhooks are told: URLs that are safe to tell events to, and to show.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::DomainName;

/// What the language and the store take.
const LONGEST: usize = 2048;

/// The URL of a webhook: HTTPS, or plain HTTP to the host itself; without user, password and fragment (RFC 3986).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct WebhookUrl {
    text: String,
    is_tls: bool,
    host: String,
    port: u16,
    target: String,
}

/// Why a text is no [`WebhookUrl`]. None of them repeats it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookUrlError {
    #[error("this is no URL of a webhook, such as https://inventory.example.net/leases")]
    Form,
    #[error("a webhook's URL holds a user name or a password")]
    Credentials,
    #[error("events are sent to another host over plain HTTP")]
    Plain,
}

impl WebhookUrl {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether TLS is spoken there.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The host's name or address, an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host with its port, as the field `Host` has it (RFC 9110, section 7.2).
    pub fn authority(&self) -> &str {
        let rest = self.text.split_once("://").map_or("", |(_, rest)| rest);
        rest.split(['/', '?']).next().unwrap_or(rest)
    }

    /// Path and query (RFC 9112, section 3.2.1).
    pub fn target(&self) -> &str {
        &self.target
    }
}

impl FromStr for WebhookUrl {
    type Err = WebhookUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (is_tls, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ if text.contains('@') => return Err(WebhookUrlError::Credentials),
            _ => return Err(WebhookUrlError::Form),
        };
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err(WebhookUrlError::Credentials);
        }
        let is_whole = text.len() <= LONGEST && target.bytes().all(is_allowed);
        let (host, port) = host_and_port(authority)
            .filter(|_| is_whole)
            .ok_or(WebhookUrlError::Form)?;
        if !is_tls && !is_own(host) {
            return Err(WebhookUrlError::Plain);
        }
        Ok(Self {
            text: text.to_owned(),
            is_tls,
            host: host.to_owned(),
            port: port.unwrap_or(if is_tls { 443 } else { 80 }),
            target: match target.starts_with('/') {
                true => target.to_owned(),
                false => format!("/{target}"),
            },
        })
    }
}

/// What a path and a query may hold (RFC 3986, sections 3.3 and 3.4).
fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=%".contains(&byte)
}

fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(inner) => {
            let (host, rest) = inner.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, rest)
        }
        None => {
            let (host, rest) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let is_host = host.parse::<IpAddr>().is_ok() || host.parse::<DomainName>().is_ok();
            (is_host.then_some(host)?, rest)
        }
    };
    if rest.is_empty() {
        return Some((host, None));
    }
    let digits = rest.strip_prefix(':')?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok().filter(|port| is_number && *port > 0)?;
    Some((host, Some(port)))
}

/// Whether this means the host itself, where nobody listens on the way (RFC 6761, section 6.3).
fn is_own(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl TryFrom<String> for WebhookUrl {
    type Error = WebhookUrlError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<WebhookUrl> for String {
    fn from(url: WebhookUrl) -> Self {
        url.text
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_for_what_they_say() {
        for (text, is_tls, host, port, authority, target) in [
            (
                "https://a.example",
                true,
                "a.example",
                443,
                "a.example",
                "/",
            ),
            (
                "https://a.example:8443/x?y=@",
                true,
                "a.example",
                8443,
                "a.example:8443",
                "/x?y=@",
            ),
            ("https://a?b=c", true, "a", 443, "a", "/?b=c"),
            (
                "https://[2001:db8::1]:9/",
                true,
                "2001:db8::1",
                9,
                "[2001:db8::1]:9",
                "/",
            ),
            (
                "https://192.0.2.1/%20",
                true,
                "192.0.2.1",
                443,
                "192.0.2.1",
                "/%20",
            ),
            (
                "http://127.0.0.1:8080/a",
                false,
                "127.0.0.1",
                8080,
                "127.0.0.1:8080",
                "/a",
            ),
            ("http://[::1]", false, "::1", 80, "[::1]", "/"),
            (
                "http://localhost/",
                false,
                "localhost",
                80,
                "localhost",
                "/",
            ),
        ] {
            let url: WebhookUrl = text.parse().unwrap();
            let read = (
                url.is_tls(),
                url.host(),
                url.port(),
                url.authority(),
                url.target(),
            );
            assert_eq!(read, (is_tls, host, port, authority, target), "{text}");
            let json = serde_json::to_string(&url).unwrap();
            assert_eq!(json, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<WebhookUrl>(&json).unwrap(), url);
        }
    }

    #[test]
    fn what_is_unsafe_to_use_or_to_show_is_refused() {
        use WebhookUrlError::{Credentials, Form, Plain};
        for (text, expected) in [
            ("", Form),
            ("https://", Form),
            ("https:///a", Form),
            ("HTTPS://a", Form),
            ("ftp://a", Form),
            ("a.example/x", Form),
            ("https://a b/", Form),
            ("https://a/ b", Form),
            ("https://a/\u{e4}", Form),
            ("https://a/#x", Form),
            ("https://a\\@b", Form),
            ("https://a:0/", Form),
            ("https://a:+1/", Form),
            ("https://a:65536/", Form),
            ("https://a:/", Form),
            ("https://[::1", Form),
            ("https://[a]/", Form),
            ("https://2001:db8::1/", Form),
            ("https://1.2.3/", Form),
            ("https://u:hunter2@a/", Credentials),
            ("https://u@a", Credentials),
            ("http://u@127.0.0.1", Credentials),
            ("u:hunter2@a/", Credentials),
            ("http://a.example/", Plain),
            ("http://10.0.0.1/", Plain),
            ("http://127.0.0.1.example/", Plain),
        ] {
            let error = text.parse::<WebhookUrl>().unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("hunter2"));
        }
        assert!(
            format!("https://a/{}", "x".repeat(3000))
                .parse::<WebhookUrl>()
                .is_err()
        );
    }
}
