//! Signs what webhooks tell, as Standard Webhooks have it: HMAC-SHA256 (RFC 2104) over id, time and body. Knows neither network nor clock.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::base::moment::Moment;
use crate::base::secret::Secret;

/// The value of `webhook-signature`. None for a key of no length that there is; there is none.
pub(super) fn signature(secret: &Secret, id: &str, at: Moment, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.bytes()).ok()?;
    let head = format!("{id}.{}.", at.0);
    mac.update(head.as_bytes());
    mac.update(body);
    let signature = mac.finalize().into_bytes();
    Some(format!("v1,{}", BASE64.encode(&signature)))
}

#[cfg(test)]
mod tests {
    use super::super::secret::of;
    use super::*;

    /// Made with `openssl dgst -sha256 -hmac`, and the second one with the reference library's key.
    #[test]
    fn signatures_are_what_others_compute() {
        for (key, expected) in [
            ("key", "dkKO8yKktbK3/NsBVZDP2vD/4/yePEE+Zek/vsRRJ/E="),
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ] {
            let secret = of(Secret::new(key.as_bytes().to_vec())).unwrap();
            let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
            let body = b"{\"test\": 2432232314}";
            let signed = signature(&secret, id, Moment(1_614_265_330), body).unwrap();
            assert_eq!(signed, format!("v1,{expected}"), "{key}");
        }
    }
}
