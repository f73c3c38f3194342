//! Names: of objects, hosts, domains and links. The constructors are the only checks.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// Why a text is not the name it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("a {kind} may not be empty")]
    Empty { kind: &'static str },
    #[error("a {kind} has at most {most} characters; this one has {length}")]
    TooLong {
        kind: &'static str,
        most: usize,
        length: usize,
    },
    #[error("a {kind} may not hold {}; {allowed}", shown(*found))]
    Character {
        kind: &'static str,
        found: char,
        allowed: &'static str,
    },
    #[error("a {kind} may not begin or end with {found:?}")]
    Edge { kind: &'static str, found: char },
    #[error("a file path may not hold {}", part(found))]
    Part { found: String },
    #[error("a domain name may not end in a number; `{0}` looks like an address")]
    Numeric(String),
}

/// A part of a path in words.
fn part(found: &str) -> String {
    match found {
        "" => "an empty part".to_owned(),
        part => format!("the part `{part}`"),
    }
}

/// A character in quotes; one that may look like another with its number.
fn shown(found: char) -> String {
    if found.is_ascii() {
        format!("{found:?}")
    } else {
        format!("{found:?} (U+{:04X})", u32::from(found))
    }
}

/// What a kind of name allows.
struct Grammar {
    kind: &'static str,
    most: usize,
    allowed: &'static str,
    character: fn(char) -> bool,
    edge: fn(char) -> bool,
}

impl Grammar {
    fn check(&self, text: &str) -> Result<(), NameError> {
        let Self {
            kind,
            most,
            allowed,
            ..
        } = *self;
        let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else {
            return Err(NameError::Empty { kind });
        };
        if let Some(found) = text.chars().find(|c| !(self.character)(*c)) {
            return Err(NameError::Character {
                kind,
                found,
                allowed,
            });
        }
        if text.len() > most {
            return Err(NameError::TooLong {
                kind,
                most,
                length: text.len(),
            });
        }
        match [first, last].into_iter().find(|c| !(self.edge)(*c)) {
            Some(found) => Err(NameError::Edge { kind, found }),
            None => Ok(()),
        }
    }
}

/// Gives a newtype over a short string, most of which need no allocation, its constructor, its rendering and its JSON form.
macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $read:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $type(CompactString);

        impl $type {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        /// Equal, ordered and hashed as its text.
        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                $read(text).map(Self)
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.into_string()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// Name of an object of the site (fabric, VLAN, space, image, profile, tag): letters, digits, `-`, `_`.
    Name, object_name
}
name! {
    /// One label of a host's name, in lower case (RFC 1123 2.1).
    HostName, host_name
}
name! {
    /// An absolute domain name without its final dot, in lower case (RFC 1035 2.3.1; `_` as RFC 8552 allows).
    DomainName, whole_domain_name
}
name! {
    /// Name of a network link: 1 to 15 bytes, as the kernel allows (`dev_valid_name`).
    LinkName, link_name
}
name! {
    /// Path of a boot file below the site folder: relative, `/`-separated, never leaving it.
    FilePath, file_path
}

name! {
    /// The name of a record below the site's domain: labels, `@` for the domain itself, `*` as the first label (RFC 4592).
    RecordLabel, record_label
}

name! {
    /// The name of an account on a BMC, in characters that need no care anywhere; case counts.
    UserName, user_name
}

fn user_name(text: &str) -> Result<CompactString, NameError> {
    let grammar = Grammar {
        kind: "user name",
        most: 64,
        allowed: "use letters, digits, `-`, `_`, `.` and `@`",
        character: |c| c.is_ascii_alphanumeric() || "-_.@".contains(c),
        edge: |c| c != '-' && c != '.',
    };
    grammar.check(text).map(|()| CompactString::new(text))
}

fn record_label(text: &str) -> Result<CompactString, NameError> {
    let below = text.strip_prefix("*.").unwrap_or(text);
    if !matches!(below, "@" | "*") {
        domain_name(below)?;
        if below.ends_with('.') {
            return Err(NameError::Edge {
                kind: "record name",
                found: '.',
            });
        }
    } else if below != text {
        return Err(NameError::Edge {
            kind: "record name",
            found: '*',
        });
    }
    Ok(lowercase(text))
}

fn object_name(text: &str) -> Result<CompactString, NameError> {
    let grammar = Grammar {
        kind: "name",
        most: 63,
        allowed: "use letters, digits, `-` and `_`",
        character: |c| c.is_ascii_alphanumeric() || c == '-' || c == '_',
        edge: |c| c != '-',
    };
    grammar.check(text).map(|()| CompactString::new(text))
}

const LABEL: Grammar = Grammar {
    kind: "host name",
    most: 63,
    allowed: "use letters, digits and `-`",
    character: |c| c.is_ascii_alphanumeric() || c == '-',
    edge: |c| c != '-',
};

fn lowercase(text: &str) -> CompactString {
    let mut text = CompactString::new(text);
    text.make_ascii_lowercase();
    text
}

fn host_name(text: &str) -> Result<CompactString, NameError> {
    LABEL.check(text).map(|()| lowercase(text))
}

/// No domain ends in a number, so that an address is never taken for a name; a single label is of the site's own domain.
fn whole_domain_name(text: &str) -> Result<CompactString, NameError> {
    let name = domain_name(text)?;
    match name.rsplit_once('.') {
        Some((_, last)) if last.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(NameError::Numeric(text.to_owned()))
        }
        Some(_) | None => Ok(name),
    }
}

fn domain_name(text: &str) -> Result<CompactString, NameError> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.is_empty() {
        return Err(NameError::Empty {
            kind: "domain name",
        });
    }
    domain_labels(text, text.len())?;
    Ok(lowercase(text))
}

/// Checks the labels of a domain name, or the first of one that is `length` long in all.
fn domain_labels(text: &str, length: usize) -> Result<(), NameError> {
    if length > 253 {
        return Err(NameError::TooLong {
            kind: "domain name",
            most: 253,
            length,
        });
    }
    let label = Grammar {
        kind: "part of a domain name",
        allowed: "use labels of letters, digits, `-` and `_`, separated by dots",
        character: |c| c.is_ascii_alphanumeric() || c == '-' || c == '_',
        ..LABEL
    };
    text.split('.').try_for_each(|part| label.check(part))
}

fn link_name(text: &str) -> Result<CompactString, NameError> {
    let grammar = Grammar {
        kind: "link name",
        most: 15,
        allowed: "use printable ASCII without spaces, `/` or `:`",
        character: |c| c.is_ascii_graphic() && c != '/' && c != ':',
        edge: |_| true,
    };
    grammar.check(text)?;
    match text {
        "." | ".." => Err(NameError::Edge {
            kind: "link name",
            found: '.',
        }),
        _ => Ok(CompactString::new(text)),
    }
}

fn file_path(text: &str) -> Result<CompactString, NameError> {
    let grammar = Grammar {
        kind: "file path",
        most: 255,
        allowed: "use a relative path of printable ASCII with `/` between folders",
        character: |c| c.is_ascii_graphic() && c != '\\',
        edge: |c| c != '/',
    };
    grammar.check(text)?;
    match text
        .split('/')
        .find(|part| matches!(*part, "" | "." | ".."))
    {
        Some(part) => Err(NameError::Part {
            found: part.to_owned(),
        }),
        None => Ok(CompactString::new(text)),
    }
}

impl RecordLabel {
    /// The whole name in `domain`; a `*` stays the first label.
    ///
    /// # Errors
    /// [`NameError`] where it would be too long.
    pub fn within(&self, domain: &DomainName) -> Result<DomainName, NameError> {
        if self.as_str() == "@" {
            return Ok(domain.clone());
        }
        match self.0.strip_prefix('*') {
            // A wildcard is no name of a host: only what it stands for is checked.
            Some(below) => {
                let below = below.strip_prefix('.');
                let zone = below.map_or_else(|| Ok(domain.clone()), |below| domain.child(below))?;
                zone.wildcard().ok_or(NameError::TooLong {
                    kind: "record name",
                    most: 253,
                    length: zone.as_str().len() + 2,
                })
            }
            None => domain.child(&self.0),
        }
    }

    /// Whether it stands for every name that there is not.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with('*')
    }
}

impl LinkName {
    /// The kernel's name for the loopback link.
    pub fn loopback() -> Self {
        Self(CompactString::const_new("lo"))
    }
}

impl DomainName {
    /// The name `label.self`.
    ///
    /// # Errors
    /// [`NameError`] where the result would be too long.
    pub fn child(&self, label: &str) -> Result<Self, NameError> {
        let length = label.len() + 1 + self.0.len();
        let mut name = CompactString::with_capacity(length);
        for part in [label, ".", self.as_str()] {
            name.push_str(part);
        }
        domain_labels(label, length)?;
        name.make_ascii_lowercase();
        Ok(Self(name))
    }

    /// The first label.
    pub fn label(&self) -> &str {
        self.0.split_once('.').map_or(&self.0, |(label, _)| label)
    }

    /// The name without its first label; none for a single label.
    pub fn parent(&self) -> Option<Self> {
        self.0
            .split_once('.')
            .map(|(_, rest)| Self(CompactString::new(rest)))
    }

    /// The wildcard below this name (RFC 4592); none where it would be too long.
    pub fn wildcard(&self) -> Option<Self> {
        let name = CompactString::from(format!("*.{self}"));
        (name.len() <= 253).then_some(Self(name))
    }

    /// Whether `self` is `zone` or lies below it.
    pub fn is_within(&self, zone: &Self) -> bool {
        match self.0.strip_suffix(zone.as_str()) {
            Some(rest) => rest.is_empty() || rest.ends_with('.'),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_accepts_and_refuses() {
        fn check<T: FromStr>(good: &[&str], bad: &[&str]) {
            for text in good {
                assert!(text.parse::<T>().is_ok(), "{text:?} should be accepted");
            }
            for text in bad {
                assert!(text.parse::<T>().is_err(), "{text:?} should be refused");
            }
        }
        let long = "a".repeat(64);
        check::<Name>(
            &["pxe", "rack_7", "A-1"],
            &["", "a b", "-a", "a/b", "é", &long],
        );
        check::<HostName>(&["node-01", "N1"], &["", "-n", "n-", "a.b", "a_b", &long]);
        check::<DomainName>(
            &["a.example", "example.", "_x.y"],
            &["", ".", "a..b", "-a.b", "10.0.0.5", "10.0.0.256"],
        );
        check::<RecordLabel>(
            &["www", "@", "*", "*.apps", "_ldap._tcp", "a.b", "rack.1"],
            &["", "*.*", "*.@", "a.*", "www.", "-a", "a b"],
        );
        check::<LinkName>(
            &["eno1", "bond0.100", "br-lan"],
            &["", "a/b", ".", "..", "a b", "sixteen-letters-"],
        );
        check::<FilePath>(
            &["boot/a.efi", "x"],
            &["", "/x", "a//b", "../x", "a/../b", "a/"],
        );
    }

    #[test]
    fn within_respects_label_borders() {
        let zone: DomainName = "example.net".parse().unwrap();
        for (name, expected) in [
            ("example.net", true),
            ("a.example.net", true),
            ("badexample.net", false),
        ] {
            assert_eq!(
                name.parse::<DomainName>().unwrap().is_within(&zone),
                expected,
                "{name}"
            );
        }
    }
}
