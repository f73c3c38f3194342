//! Where webhooks are told: URLs that are safe to tell events to, and to show.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::url::{HttpUrl, HttpUrlError};

/// The URL of a webhook: HTTPS, or plain HTTP to the host itself; without user, password and fragment (RFC 3986).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct WebhookUrl(HttpUrl);

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

impl Deref for WebhookUrl {
    type Target = HttpUrl;

    fn deref(&self) -> &HttpUrl {
        &self.0
    }
}

impl FromStr for WebhookUrl {
    type Err = WebhookUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url: HttpUrl = text.parse().map_err(|error| match error {
            HttpUrlError::Form => WebhookUrlError::Form,
            HttpUrlError::Credentials => WebhookUrlError::Credentials,
        })?;
        match url.is_private() {
            true => Ok(Self(url)),
            false => Err(WebhookUrlError::Plain),
        }
    }
}

impl TryFrom<String> for WebhookUrl {
    type Error = WebhookUrlError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<WebhookUrl> for String {
    fn from(url: WebhookUrl) -> Self {
        url.0.into()
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
