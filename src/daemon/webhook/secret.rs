//! The key that a webhook's events are signed with, as Standard Webhooks write it.

use data_encoding::{BASE64, BASE64_NOPAD};

use crate::base::secret::{Secret, SecretRef};
use crate::world::secret::{self, SecretError};

/// What a key begins with that is base64 behind it, as Standard Webhooks write them.
const ENCODED: &[u8] = b"whsec_";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("what follows `whsec_` is not base64")]
    Encoding,
}

/// The key that a reference leads to at this moment.
pub(super) async fn read(reference: &SecretRef) -> Result<Secret, KeyError> {
    of(secret::read(reference).await?)
}

/// The key that is written so.
pub(super) fn of(written: Secret) -> Result<Secret, KeyError> {
    let Some(encoded) = written.bytes().strip_prefix(ENCODED) else {
        return Ok(written);
    };
    let key = BASE64
        .decode(encoded)
        .or_else(|_| BASE64_NOPAD.decode(encoded))
        .map_err(|_| KeyError::Encoding)?;
    match key.is_empty() {
        true => Err(SecretError::Empty.into()),
        false => Ok(Secret::new(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_what_is_written_or_base64() {
        for (written, expected) in [
            (&b"key"[..], Ok(&b"key"[..])),
            (b" a\nb ", Ok(b" a\nb ")),
            (b"\xff\x00", Ok(b"\xff\x00")),
            (b"whsec_a2V5cw==", Ok(b"keys")),
            (b"whsec_a2V5cw", Ok(b"keys")),
            (b"whsec_", Err("it is empty")),
            (b"whsec_hunter2", Err("what follows `whsec_` is not base64")),
        ] {
            let key = of(Secret::new(written.to_vec()));
            let key = key.map(|key| key.bytes().to_vec());
            let expected = expected.map(<[u8]>::to_vec).map_err(str::to_owned);
            assert_eq!(
                key.map_err(|error| error.to_string()),
                expected,
                "{written:?}"
            );
        }
    }
}
