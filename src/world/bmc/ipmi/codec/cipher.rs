//! Signatures and encryption of a session: cipher suites 3 and 17 (IPMI 2.0, sections 13.28 to 13.32, and table 22-20).

use std::fmt;

use aes::Aes128;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::bytes::Reader;

/// How long a block of AES is, and what it begins from.
pub(crate) const BLOCK: usize = 16;

/// Which algorithms a session uses. Weaker ones than these are not spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CipherSuite {
    /// Number 3: HMAC-SHA1, HMAC-SHA1-96, AES-CBC-128.
    Sha1,
    /// Number 17: HMAC-SHA256, HMAC-SHA256-128, AES-CBC-128.
    Sha256,
}

/// What both ends sign and encrypt with (section 13.32); wiped when the session goes.
#[derive(Clone)]
pub(crate) struct Keys {
    suite: CipherSuite,
    signing: Zeroizing<Vec<u8>>,
    encrypting: Zeroizing<[u8; BLOCK]>,
}

impl CipherSuite {
    /// Authentication, integrity and confidentiality, by number (tables 13-17 to 13-19).
    pub(crate) fn algorithms(self) -> [u8; 3] {
        match self {
            Self::Sha1 => [1, 1, 1],
            Self::Sha256 => [3, 4, 1],
        }
    }

    /// How long the proofs of the key exchange are.
    pub(crate) fn proof_length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// How much of a signature a packet carries.
    pub(crate) fn signature_length(self) -> usize {
        match self {
            Self::Sha1 => 12,
            Self::Sha256 => 16,
        }
    }

    /// The signature of all parts one behind the other (RFC 2104).
    pub(crate) fn sign(self, key: &[u8], parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Sha1 => mac::<Hmac<Sha1>>(key, parts)
                .finalize()
                .into_bytes()
                .to_vec(),
            Self::Sha256 => mac::<Hmac<Sha256>>(key, parts)
                .finalize()
                .into_bytes()
                .to_vec(),
        })
    }

    /// Whether `signature` is how the signature begins, in a time that does not tell where it differs. The caller sees to its length.
    pub(crate) fn verifies(self, key: &[u8], parts: &[&[u8]], signature: &[u8]) -> bool {
        match self {
            Self::Sha1 => mac::<Hmac<Sha1>>(key, parts).verify_truncated_left(signature),
            Self::Sha256 => mac::<Hmac<Sha256>>(key, parts).verify_truncated_left(signature),
        }
        .is_ok()
    }
}

impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha1 => "3",
            Self::Sha256 => "17",
        })
    }
}

#[expect(clippy::expect_used, reason = "RFC 2104: a key of any length will do")]
fn mac<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> M {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

impl Keys {
    /// The keys K1 and K2 of a session integrity key. Their constants have 20 bytes for every suite, as BMCs and clients compute them.
    pub(crate) fn of(suite: CipherSuite, session_key: &[u8]) -> Self {
        let encrypting = suite.sign(session_key, &[&[0x02; 20]]);
        let mut first = Zeroizing::new([0; BLOCK]);
        for (to, from) in first.iter_mut().zip(encrypting.iter()) {
            *to = *from;
        }
        Self {
            suite,
            signing: suite.sign(session_key, &[&[0x01; 20]]),
            encrypting: first,
        }
    }

    /// A packet's signature.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let mut signature = self.suite.sign(&self.signing, &[bytes]).to_vec();
        signature.truncate(self.suite.signature_length());
        signature
    }

    /// What a packet says that ends with its signature; none where the signature is not the BMC's.
    pub(crate) fn verified<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        let length = packet.len().checked_sub(self.suite.signature_length())?;
        let (bytes, signature) = packet.split_at_checked(length)?;
        let is_signed = self.suite.verifies(&self.signing, &[bytes], signature);
        is_signed.then_some(bytes)
    }

    /// A payload as AES-CBC-128 has it, behind what it begins from, which must not be guessed (section 13.29).
    pub(crate) fn encrypt(&self, begin: [u8; BLOCK], payload: &[u8]) -> Vec<u8> {
        let padding = (BLOCK - (payload.len() + 1) % BLOCK) % BLOCK;
        // Room for all of it, so that it is encrypted where it stands: what grows leaves copies behind.
        let mut padded = Vec::with_capacity(payload.len() + padding + 1);
        padded.extend_from_slice(payload);
        // Padding is 1, 2, 3 and so on, at most 15.
        padded.extend((1..=padding).map(|byte| byte.to_le_bytes()[0]));
        padded.push(padding.to_le_bytes()[0]);
        let length = padded.len();
        let encryptor = cbc::Encryptor::<Aes128>::new((&*self.encrypting).into(), &begin.into());
        let encrypted = encryptor.encrypt_padded::<NoPadding>(&mut padded, length);
        let mut bytes = begin.to_vec();
        bytes.extend_from_slice(encrypted.unwrap_or_default()); // whole blocks always fit
        bytes
    }

    /// The payload; none where its padding is not as it must be. It is asked for signed bytes alone, so that the answer tells nobody anything.
    pub(crate) fn decrypt(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut reader = Reader(bytes);
        let begin = reader.array::<BLOCK>()?;
        let mut padded = reader.rest().to_vec();
        let decryptor = cbc::Decryptor::<Aes128>::new((&*self.encrypting).into(), &begin.into());
        decryptor.decrypt_padded::<NoPadding>(&mut padded).ok()?;
        let padding = usize::from(padded.pop()?);
        let length = padded.len().checked_sub(padding)?;
        let filled = padded.get(length..)?.iter().zip(1_u8..);
        // Some BMCs pad a whole block more than is needed.
        let is_sound = padding <= BLOCK && filled.into_iter().all(|(byte, number)| *byte == number);
        padded.truncate(length);
        is_sound.then_some(padded)
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    use super::*;

    /// RFC 2202, section 3, and RFC 4231, section 4.3: the second test case of each.
    #[test]
    fn signatures_are_what_the_rfcs_show() {
        let text: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];
        for (suite, expected) in [
            (
                CipherSuite::Sha1,
                "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
            ),
            (
                CipherSuite::Sha256,
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ] {
            let signed = suite.sign(b"Jefe", &text);
            assert_eq!(HEXLOWER.encode(&signed), expected);
            assert_eq!(signed.len(), suite.proof_length());
            let short = &signed[..suite.signature_length()];
            assert!(suite.verifies(b"Jefe", &text, short));
            assert!(!suite.verifies(b"jefe", &text, short));
        }
    }

    /// NIST SP 800-38A, section F.2.1: the first block.
    #[test]
    fn encryption_is_what_nist_shows() {
        let hex = |text: &str| HEXLOWER.decode(text.as_bytes()).unwrap();
        let mut keys = Keys::of(CipherSuite::Sha1, b"");
        keys.encrypting =
            Zeroizing::new(hex("2b7e151628aed2a6abf7158809cf4f3c").try_into().unwrap());
        let begin: [u8; BLOCK] = hex("000102030405060708090a0b0c0d0e0f").try_into().unwrap();
        let bytes = keys.encrypt(begin, &hex("6bc1bee22e409f96e93d7e117393172a"));
        assert_eq!(
            HEXLOWER.encode(&bytes[BLOCK..2 * BLOCK]),
            "7649abac8119b246cee98e9b12e9197d"
        );
    }

    proptest! {
        #[test]
        fn what_is_encrypted_comes_back(payload in proptest::collection::vec(any::<u8>(), 0..100)) {
            let keys = Keys::of(CipherSuite::Sha256, b"key");
            let bytes = keys.encrypt([7; BLOCK], &payload);
            prop_assert_eq!(bytes.len() % BLOCK, 0);
            prop_assert_eq!(keys.decrypt(&bytes), Some(payload));
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let keys = Keys::of(CipherSuite::Sha1, b"key");
            let _ = keys.decrypt(&bytes);
            prop_assert_eq!(keys.verified(&bytes), None);
        }
    }
}
