//! URLs of HTTP that are safe to show: without user, password and fragment (RFC 3986).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::DomainName;

/// What the language and the store take.
const LONGEST: usize = 2048;

/// A URL of HTTP, or of HTTPS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HttpUrl {
    text: String,
    is_tls: bool,
    host: String,
    port: u16,
    target: String,
}

/// Why a text is no [`HttpUrl`]. None of them repeats it: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpUrlError {
    #[error("this is no URL of HTTP, such as https://pdu.example.net/outlets/3")]
    Form,
    #[error("the URL holds a user name or a password")]
    Credentials,
}

impl HttpUrl {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether TLS is spoken there.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Whether nobody else can read what is sent there.
    pub fn is_private(&self) -> bool {
        self.is_tls || self.is_own()
    }

    /// Whether it means the host itself, where nobody listens on the way (RFC 6761, section 6.3).
    pub fn is_own(&self) -> bool {
        let host = &self.host;
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
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

impl FromStr for HttpUrl {
    type Err = HttpUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (is_tls, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ if text.contains('@') => return Err(HttpUrlError::Credentials),
            _ => return Err(HttpUrlError::Form),
        };
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err(HttpUrlError::Credentials);
        }
        let is_whole = text.len() <= LONGEST && target.bytes().all(is_allowed);
        let (host, port) = host_and_port(authority)
            .filter(|_| is_whole)
            .ok_or(HttpUrlError::Form)?;
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

impl TryFrom<String> for HttpUrl {
    type Error = HttpUrlError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HttpUrl> for String {
    fn from(url: HttpUrl) -> Self {
        url.text
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
