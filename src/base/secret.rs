//! Where a secret is kept, and the secret itself, which is read where it is used, and never held by a type that can be shown.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// A reference to a secret, as the language writes it: `(env)"NAME"`, `(file)"path"`, `(credential)"name"`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretRef {
    /// A variable of the daemon's environment.
    Env(String),
    /// A file on the controller, by an absolute path.
    File(String),
    /// A credential that the daemon's service manager hands it (systemd `LoadCredential=`).
    Credential(String),
}

/// The annotations that a reference may have.
pub const SECRET_KINDS: [&str; 3] = ["env", "file", "credential"];

impl SecretRef {
    /// The reference of a kind to a place; none for a kind that there is not.
    pub fn new(kind: &str, place: &str) -> Option<Self> {
        let place = place.to_owned();
        match kind {
            "env" => Some(Self::Env(place)),
            "file" => Some(Self::File(place)),
            "credential" => Some(Self::Credential(place)),
            _ => None,
        }
    }
}

impl fmt::Display for SecretRef {
    /// As the language writes it; the secret itself is not known here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, place) = match self {
            Self::Env(place) => ("env", place),
            Self::File(place) => ("file", place),
            Self::Credential(place) => ("credential", place),
        };
        write!(f, "({kind}){place:?}")
    }
}

/// A password or key. It can be neither printed nor serialised, and its bytes are wiped when it goes.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// For the one who proves it, and nobody else.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
