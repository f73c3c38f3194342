//! Reads a secret from where it is kept. What is read can be neither printed nor serialised, and no error repeats it.

mod told;

use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

pub use super::program::Unguarded;
use crate::base::secret::{Secret, SecretRef};
pub use told::ProgramError;

/// Longer ones are no keys.
const LONGEST: usize = 4096;

/// What is read of one, with a line's end, and a byte by which one that is too long is known.
const ROOM: usize = LONGEST + 3;

/// Where the service manager lays credentials (systemd.exec(5)).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
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
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
}

/// What a reference leads to at this moment.
pub async fn read(reference: &SecretRef) -> Result<Secret, SecretError> {
    let path = match reference {
        SecretRef::Env(name) => {
            let value = std::env::var_os(name).ok_or(SecretError::NoVariable)?;
            return written(Zeroizing::new(value.into_encoded_bytes()));
        }
        SecretRef::File(path) if path.starts_with('/') => PathBuf::from(path),
        SecretRef::File(_) => return Err(SecretError::Relative),
        SecretRef::Credential(name) => credential(name)?,
        SecretRef::Exec(line) => return written(told::told(line).await?),
    };
    written(contents(&path).await?)
}

/// The secret that is written so; a line's end behind it is not part of it.
fn written(mut bytes: Zeroizing<Vec<u8>>) -> Result<Secret, SecretError> {
    while bytes
        .last()
        .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
    {
        bytes.pop();
    }
    match bytes.len() {
        0 => Err(SecretError::Empty),
        length if length > LONGEST => Err(SecretError::TooLong),
        _ => Ok(Secret::new(std::mem::take(&mut *bytes))),
    }
}

fn credential(name: &str) -> Result<PathBuf, SecretError> {
    if name.contains('/') || name == ".." || name == "." {
        return Err(SecretError::Name);
    }
    let folder = std::env::var_os(CREDENTIALS).ok_or(SecretError::NoCredentials)?;
    Ok(Path::new(&folder).join(name))
}

async fn contents(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    // Opening a pipe would wait for whoever writes it.
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(SecretError::Kind);
    }
    // Room for all of it at once: a vector that grows leaves copies behind.
    let mut contents = Zeroizing::new(Vec::with_capacity(ROOM));
    let file = File::open(path).await?;
    file.take(ROOM as u64).read_to_end(&mut contents).await?;
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lines_end_is_no_part_of_it() {
        for (bytes, expected) in [
            (&b"key"[..], Ok(&b"key"[..])),
            (b"key\n", Ok(b"key")),
            (b"key\r\n", Ok(b"key")),
            (b" a\nb ", Ok(b" a\nb ")),
            (b"", Err("it is empty")),
            (b"\n", Err("it is empty")),
            (&[b'a'; 4096], Ok(&[b'a'; 4096])),
            (&[b'a'; 4097], Err("it is longer than 4096 bytes")),
        ] {
            let read = written(Zeroizing::new(bytes.to_vec()));
            let read = read.map(|secret| secret.bytes().to_vec());
            let expected = expected.map(<[u8]>::to_vec).map_err(str::to_owned);
            assert_eq!(
                read.map_err(|error| error.to_string()),
                expected,
                "{bytes:?}"
            );
        }
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
            (
                SecretRef::Exec("/bin/echo hunter2".parse().unwrap()),
                "read",
            ),
            (SecretRef::Exec("/bin/true".parse().unwrap()), "it is empty"),
            (
                SecretRef::Exec("/usr/bin/yes hunter2".parse().unwrap()),
                "it is longer than 4096 bytes",
            ),
        ] {
            let said = match read(&reference).await {
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
