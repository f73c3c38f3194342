//! Reads a secret from where it is kept. What is read can be neither printed nor serialised, and no error repeats it.

use std::io;
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, BASE64_NOPAD};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use crate::base::secret::SecretRef;

/// Longer ones are no keys.
const LONGEST: u64 = 4096;

/// What a key begins with that is base64 behind it, as Standard Webhooks write them.
const ENCODED: &[u8] = b"whsec_";

/// Where the service manager lays credentials (systemd.exec(5)).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// A key. It has no `Debug`, and must have none.
pub(super) struct Secret(Vec<u8>);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretError {
    #[error("the daemon's environment has no such variable")]
    NoVariable,
    #[error("its path is not absolute")]
    Relative,
    #[error("the daemon was started without credentials")]
    NoCredentials,
    #[error("a credential's name is no path")]
    Name,
    #[error("it is no regular file")]
    Kind,
    #[error("{0}")]
    Read(#[from] io::Error),
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    #[error("what follows `whsec_` is not base64")]
    Encoding,
}

impl Secret {
    /// What a reference leads to at this moment.
    pub(super) async fn read(reference: &SecretRef) -> Result<Self, SecretError> {
        let path = match reference {
            SecretRef::Env(name) => {
                let value = std::env::var_os(name).ok_or(SecretError::NoVariable)?;
                return Self::of(value.into_encoded_bytes());
            }
            SecretRef::File(path) if path.starts_with('/') => PathBuf::from(path),
            SecretRef::File(_) => return Err(SecretError::Relative),
            SecretRef::Credential(name) => credential(name)?,
        };
        Self::of(contents(&path).await?)
    }

    /// The key that is written so; a line's end behind it is not part of it.
    pub(super) fn of(mut written: Vec<u8>) -> Result<Self, SecretError> {
        while written
            .last()
            .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
        {
            written.pop();
        }
        if written.len() as u64 > LONGEST {
            return Err(SecretError::TooLong);
        }
        let key = match written.strip_prefix(ENCODED) {
            Some(encoded) => BASE64
                .decode(encoded)
                .or_else(|_| BASE64_NOPAD.decode(encoded))
                .map_err(|_| SecretError::Encoding)?,
            None => written,
        };
        match key.is_empty() {
            true => Err(SecretError::Empty),
            false => Ok(Self(key)),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

fn credential(name: &str) -> Result<PathBuf, SecretError> {
    if name.contains('/') || name == ".." || name == "." {
        return Err(SecretError::Name);
    }
    let folder = std::env::var_os(CREDENTIALS).ok_or(SecretError::NoCredentials)?;
    Ok(Path::new(&folder).join(name))
}

async fn contents(path: &Path) -> Result<Vec<u8>, SecretError> {
    // Opening a pipe would wait for whoever writes it.
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(SecretError::Kind);
    }
    let mut contents = Vec::new();
    let file = File::open(path).await?;
    file.take(LONGEST + 3).read_to_end(&mut contents).await?;
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(written: &[u8]) -> Result<Vec<u8>, String> {
        let secret = Secret::of(written.to_vec());
        secret
            .map(|secret| secret.0)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn keys_are_what_is_written_or_base64() {
        for (written, expected) in [
            (&b"key"[..], Ok(&b"key"[..])),
            (b"key\n", Ok(b"key")),
            (b"key\r\n", Ok(b"key")),
            (b" a\nb ", Ok(b" a\nb ")),
            (b"\xff\x00", Ok(b"\xff\x00")),
            (b"whsec_a2V5cw==", Ok(b"keys")),
            (b"whsec_a2V5cw\n", Ok(b"keys")),
            (b"", Err("it is empty")),
            (b"\n", Err("it is empty")),
            (b"whsec_", Err("it is empty")),
            (b"whsec_hunter2", Err("what follows `whsec_` is not base64")),
        ] {
            let expected = expected.map(<[u8]>::to_vec).map_err(str::to_owned);
            assert_eq!(read(written), expected, "{written:?}");
        }
        assert!(read(&[b'a'; 4096]).is_ok());
        assert_eq!(
            read(&[b'a'; 4097]),
            Err("it is longer than 4096 bytes".to_owned())
        );
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_told_without_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(file("key"), "hunter2\n").unwrap();
        std::fs::write(file("long"), "hunter2".repeat(1000)).unwrap();
        for (reference, expected) in [
            (SecretRef::File(file("key")), "read"),
            (
                SecretRef::File(file("long")),
                "it is longer than 4096 bytes",
            ),
            (
                SecretRef::File(file("none")),
                "No such file or directory (os error 2)",
            ),
            (SecretRef::File(file("")), "it is no regular file"),
            (
                SecretRef::File("key".to_owned()),
                "its path is not absolute",
            ),
            (
                SecretRef::Env("BEDPLATE_NO_SUCH_VARIABLE".to_owned()),
                "the daemon's environment has no such variable",
            ),
            (
                SecretRef::Credential("../a".to_owned()),
                "a credential's name is no path",
            ),
            (
                SecretRef::Credential("a".to_owned()),
                "the daemon was started without credentials",
            ),
        ] {
            let said = match Secret::read(&reference).await {
                Ok(secret) => {
                    assert_eq!(secret.bytes(), b"hunter2");
                    "read".to_owned()
                }
                Err(error) => error.to_string(),
            };
            assert_eq!(said, expected, "{reference}");
        }
    }
}
