//! Client classes: clients of a kind, and what they are told.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::arch::ClientArch;
use super::mac::MacPrefix;
use super::name::Name;
use super::option::{OptionValue, option_attribute};

/// Clients of a kind, and what they are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientClass {
    pub name: Name,
    /// Whoever fits one of them is of the class.
    pub matches: Vec<ClassMatch>,
    /// By option code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<u8, OptionValue>,
    /// What those boot that have no image of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Name>,
}

/// What a client must show, all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassMatch {
    /// How option 60 begins (RFC 2132 9.13): firmware says more of itself behind the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor_class: Option<String>,
    /// One of the classes of option 77 (RFC 3004).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_class: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<ClientArch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac_prefix: Option<MacPrefix>,
    /// A tag of the machine that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Name>,
}

impl ClassMatch {
    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether whoever fits `other` fits this too.
    pub fn covers(&self, other: &Self) -> bool {
        fn implied<T>(own: Option<&T>, other: Option<&T>, holds: impl Fn(&T, &T) -> bool) -> bool {
            own.is_none_or(|own| other.is_some_and(|other| holds(own, other)))
        }
        let (own_class, class) = (self.vendor_class.as_ref(), other.vendor_class.as_ref());
        let (own_prefix, prefix) = (self.mac_prefix.as_ref(), other.mac_prefix.as_ref());
        implied(own_class, class, |own, class| {
            class.starts_with(own.as_str())
        }) && implied(
            self.user_class.as_ref(),
            other.user_class.as_ref(),
            |a, b| a == b,
        ) && implied(
            self.architecture.as_ref(),
            other.architecture.as_ref(),
            |a, b| a == b,
        ) && implied(own_prefix, prefix, |own, prefix| {
            prefix.bytes().starts_with(own.bytes())
        }) && implied(self.tag.as_ref(), other.tag.as_ref(), |a, b| a == b)
    }
}

impl fmt::Display for ClassMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            ("vendor-class", self.vendor_class.clone()),
            ("user-class", self.user_class.clone()),
            ("architecture", self.architecture.map(|one| one.to_string())),
            (
                "mac-prefix",
                self.mac_prefix.as_ref().map(ToString::to_string),
            ),
            ("tag", self.tag.as_ref().map(ToString::to_string)),
        ];
        let words = words.into_iter();
        let words = words.filter_map(|(word, value)| Some(format!("{word} {}", value?)));
        f.write_str(&words.collect::<Vec<_>>().join(" and "))
    }
}

impl fmt::Display for ClientClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matches: Vec<_> = self.matches.iter().map(ToString::to_string).collect();
        write!(f, "{} ({})", self.name, matches.join(" or "))?;
        for (code, value) in &self.options {
            write!(f, " {} {value}", option_attribute(*code))?;
        }
        match &self.image {
            Some(image) => write!(f, " image {image}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_implied_is_covered() {
        let read = |text: &str| -> ClassMatch { serde_json::from_str(text).unwrap() };
        for (own, other, expected) in [
            (r#"{"tag":"a"}"#, r#"{"tag":"a"}"#, true),
            (r#"{"tag":"a"}"#, r#"{"tag":"b"}"#, false),
            (r#"{"tag":"a"}"#, r#"{"tag":"a","user_class":"x"}"#, true),
            (r#"{"tag":"a","user_class":"x"}"#, r#"{"tag":"a"}"#, false),
            (
                r#"{"vendor_class":"PXE"}"#,
                r#"{"vendor_class":"PXEClient"}"#,
                true,
            ),
            (
                r#"{"vendor_class":"PXEClient"}"#,
                r#"{"vendor_class":"PXE"}"#,
                false,
            ),
            (
                r#"{"mac_prefix":"52:54"}"#,
                r#"{"mac_prefix":"52:54:00"}"#,
                true,
            ),
            (
                r#"{"mac_prefix":"52:54"}"#,
                r#"{"mac_prefix":"52:55:00"}"#,
                false,
            ),
            (
                r#"{"architecture":"ipxe"}"#,
                r#"{"architecture":"x64-uefi"}"#,
                false,
            ),
        ] {
            assert_eq!(read(own).covers(&read(other)), expected, "{own} {other}");
        }
    }
}
