//! Where a secret is kept, and the secret itself, which is read where it is used, and never held by a type that can be shown.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::program::{ProgramLine, ProgramLineError};

/// A reference to a secret, as the language writes it: `(env)"NAME"`, `(file)"path"`, `(credential)"name"`, `(exec)"program arguments"`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretRef {
    /// A variable of the daemon's environment.
    Env(String),
    /// A file on the controller, by an absolute path.
    File(String),
    /// A credential that the daemon's service manager hands it (systemd `LoadCredential=`).
    Credential(String),
    /// A program on the controller that prints it.
    Exec(ProgramLine),
}

/// The annotations that a reference may have.
pub const SECRET_KINDS: [&str; 4] = ["env", "file", "credential", "exec"];

/// Why a text is no reference to a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretRefError {
    #[error("a secret is kept in no such place")]
    Kind,
    #[error("the secret's place is empty")]
    Empty,
    /// The daemon has no folder of its own that a site could mean.
    #[error("the file of a secret is named by its absolute path")]
    Relative,
    #[error("a variable of the environment has a name of letters, digits and `_`")]
    Variable,
    #[error("the name of a credential is that of a file, without a folder")]
    Credential,
    #[error(transparent)]
    Program(#[from] ProgramLineError),
}

impl SecretRef {
    /// The reference of a kind to a place.
    ///
    /// # Errors
    /// For a kind that there is not, and a place that is none.
    pub fn new(kind: &str, place: &str) -> Result<Self, SecretRefError> {
        let of = match kind {
            "env" => Self::Env,
            "file" => Self::File,
            "credential" => Self::Credential,
            "exec" if !place.is_empty() => return Ok(Self::Exec(place.parse()?)),
            "exec" => return Err(SecretRefError::Empty),
            _ => return Err(SecretRefError::Kind),
        };
        match place.is_empty() {
            true => Err(SecretRefError::Empty),
            false if kind == "file" && !place.starts_with('/') => Err(SecretRefError::Relative),
            false if kind == "env" && !is_variable(place) => Err(SecretRefError::Variable),
            false if kind == "credential" && !is_credential(place) => {
                Err(SecretRefError::Credential)
            }
            false => Ok(of(place.to_owned())),
        }
    }
}

/// As POSIX has names of the environment (IEEE 1003.1, section 3.216).
fn is_variable(name: &str) -> bool {
    let mut all = name.bytes();
    !name.starts_with(|first: char| first.is_ascii_digit())
        && all.all(|one| one.is_ascii_alphanumeric() || one == b'_')
}

/// As systemd takes them (systemd.exec(5), `LoadCredential=`).
fn is_credential(name: &str) -> bool {
    let is_sign = |one: char| one == '/' || one == ':' || one.is_control() || one.is_whitespace();
    !name.contains(is_sign) && !matches!(name, "." | "..")
}

impl fmt::Display for SecretRef {
    /// As the language writes it; the secret itself is not known here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, place) = match self {
            Self::Env(place) => ("env", place),
            Self::File(place) => ("file", place),
            Self::Credential(place) => ("credential", place),
            Self::Exec(line) => return write!(f, "(exec){:?}", line.as_str()),
        };
        write!(f, "({kind}){place:?}")
    }
}

/// A password or key. It can be neither printed nor serialised, and its bytes are wiped when it goes.
///
/// ```compile_fail
/// let secret = bedplate::base::secret::Secret::new(Vec::new());
/// println!("{secret:?}");
/// ```
///
/// ```compile_fail
/// let secret = bedplate::base::secret::Secret::new(Vec::new());
/// println!("{secret}");
/// ```
///
/// ```compile_fail
/// let secret = bedplate::base::secret::Secret::new(Vec::new());
/// serde_json::to_string(&secret);
/// ```
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
