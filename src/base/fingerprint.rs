//! Fingerprints of certificates: the SHA-256 of the DER form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// A certificate's fingerprint, written as 64 hexadecimal digits; read with colons between the bytes too, as `openssl x509` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Fingerprint(pub Digest);

/// Why a text is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a fingerprint is the SHA-256 of a certificate: 64 hexadecimal digits, with or without colons"
)]
pub struct FingerprintError;

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let pairs: Vec<&str> = text.split(':').collect();
        let is_plain = pairs.len() == 1 || pairs.iter().all(|pair| pair.len() == 2);
        let digest = pairs.concat().to_ascii_lowercase().parse();
        digest
            .ok()
            .filter(|_| is_plain)
            .map(Self)
            .ok_or(FingerprintError)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = FingerprintError;

    fn try_from(text: String) -> Result<Self, FingerprintError> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_and_one_is_written() {
        let plain = "0a".repeat(32);
        let colons = vec!["0A"; 32].join(":");
        for (text, is_one) in [
            (plain.clone(), true),
            (colons, true),
            (plain.to_uppercase(), true),
            (plain[2..].to_owned(), false),
            (format!("{}:{}", &plain[..32], &plain[32..]), false),
            ("zz".repeat(32), false),
            (String::new(), false),
        ] {
            let read: Result<Fingerprint, _> = text.parse();
            let expected = is_one.then(|| plain.clone());
            assert_eq!(read.ok().map(|one| one.to_string()), expected, "{text}");
        }
    }
}
