//! As much of DER as a certificate's names and dates need (X.690). Knows no socket and no clock.

use crate::base::moment::Moment;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT: u8 = 0x06;
const BMP_STRING: u8 = 0x1e;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version of a certificate, where it is told (RFC 5280, section 4.1).
const VERSION: u8 = 0xa0;

/// More parts than any name has; the rest is left out.
const PARTS: usize = 32;
/// What is shown of one part of a name.
const LONGEST: usize = 64;

/// The fields of a certificate that people look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) issuer: String,
    pub(super) subject: String,
    /// Both names byte by byte: what is shown of them may be less.
    pub(super) is_own_issuer: bool,
    pub(super) not_before: Moment,
    pub(super) not_after: Moment,
}

/// Reads them; none where this is no certificate (RFC 5280, section 4.1).
pub(super) fn fields(certificate: &[u8]) -> Option<Fields> {
    let (outer, _) = expect(certificate, SEQUENCE)?;
    let (mut rest, _) = expect(outer, SEQUENCE)?;
    if let Some((_, behind)) = expect(rest, VERSION) {
        rest = behind;
    }
    let (_serial, rest) = value(rest)?;
    let (_algorithm, rest) = expect(rest, SEQUENCE)?;
    let (issuer, rest) = expect(rest, SEQUENCE)?;
    let (validity, rest) = expect(rest, SEQUENCE)?;
    let (subject, _) = expect(rest, SEQUENCE)?;
    let (not_before, behind) = time(validity)?;
    let (not_after, _) = time(behind)?;
    Some(Fields {
        issuer: name(issuer),
        subject: name(subject),
        is_own_issuer: issuer == subject,
        not_before,
        not_after,
    })
}

/// A value's tag and content, and what follows it (X.690, section 8.1).
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    // Tags of several bytes occur in no certificate.
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .fold(0_u64, |sum, digit| sum << 8 | u64::from(*digit));
            (usize::try_from(length).ok()?, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    element(bytes).map(|(_, content, rest)| (content, rest))
}

fn expect(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = element(bytes)?;
    (found == tag).then_some((content, rest))
}

/// A name as `CN=bmc, O=Example`: what can be read of it (RFC 5280, section 4.1.2.4).
fn name(mut rest: &[u8]) -> String {
    let mut parts = Vec::new();
    while let Some((set, behind)) = expect(rest, SET).filter(|_| parts.len() < PARTS) {
        rest = behind;
        parts.extend(attribute(set));
    }
    parts.join(", ")
}

fn attribute(set: &[u8]) -> Option<String> {
    let (pair, _) = expect(set, SEQUENCE)?;
    let (kind, rest) = expect(pair, OBJECT)?;
    let (tag, text, _) = element(rest)?;
    let kind = match kind {
        [0x55, 0x04, 0x03] => "CN",
        [0x55, 0x04, 0x06] => "C",
        [0x55, 0x04, 0x07] => "L",
        [0x55, 0x04, 0x08] => "ST",
        [0x55, 0x04, 0x0a] => "O",
        [0x55, 0x04, 0x0b] => "OU",
        _ => return None,
    };
    let text = match tag {
        BMP_STRING => {
            let (pairs, _) = text.as_chunks::<2>();
            let units: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            String::from_utf16_lossy(&units)
        }
        _ => String::from_utf8_lossy(text).into_owned(),
    };
    let shown = text.chars().filter(|c| !c.is_control()).take(LONGEST);
    Some(format!("{kind}={}", shown.collect::<String>()))
}

/// A time of either form (RFC 5280, section 4.1.2.5), and what follows it.
fn time(bytes: &[u8]) -> Option<(Moment, &[u8])> {
    let (tag, content, rest) = element(bytes)?;
    let text = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    let (year, text) = match tag {
        UTC_TIME => {
            let (year, text) = digits(text)?;
            (year + if year < 50 { 2000 } else { 1900 }, text)
        }
        GENERALIZED_TIME => {
            let (century, text) = digits(text)?;
            let (year, text) = digits(text)?;
            (century * 100 + year, text)
        }
        _ => return None,
    };
    let (month, text) = digits(text)?;
    let (day, text) = digits(text)?;
    let (hour, text) = digits(text)?;
    let (minute, text) = digits(text)?;
    let (second, text) = digits(text)?;
    let moment = Moment::at((year, month, day), (hour, minute, second))?;
    text.is_empty().then_some((moment, rest))
}

/// Two digits as their number.
fn digits(text: &str) -> Option<(u64, &str)> {
    let (pair, rest) = text.split_at_checked(2)?;
    let is_number = pair.bytes().all(|byte| byte.is_ascii_digit());
    Some((pair.parse().ok().filter(|_| is_number)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::BASE64;
    use proptest::prelude::*;

    /// Made by `openssl req -x509 -subj "/C=DE/O=Site/CN=bmc.rig"`.
    const CERTIFICATE: [&str; 8] = [
        "MIIBsTCCAVegAwIBAgIUVivSMa6/8XYm0UukrcjcGviOaSwwCgYIKoZIzj0EAwIwLjELMAkGA1UE",
        "BhMCREUxDTALBgNVBAoMBFNpdGUxEDAOBgNVBAMMB2JtYy5yaWcwHhcNMjYxMTI2MDcyNTAwWhcN",
        "MzYxMTIzMDcyNTAwWjAuMQswCQYDVQQGEwJERTENMAsGA1UECgwEU2l0ZTEQMA4GA1UEAwwHYm1j",
        "LnJpZzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIiz2wE0GUUjzIqazSArAt+nvQCYmy8phEpu",
        "CADaXuSPBWJmt8ScpKE3Cc/NQT46226FCxMqs/gYPG1ZB7OK6YGjUzBRMB0GA1UdDgQWBBTTdqvx",
        "V9Gx6iWguPudAaj5gS0MBTAfBgNVHSMEGDAWgBTTdqvxV9Gx6iWguPudAaj5gS0MBTAPBgNVHRMB",
        "Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIDgiyqYt8ku2W1IBH3GSS1uplkZvhZZiczIsyO37",
        "nAi2AiEA0rHdV0V/6ICrYCkkHD17hIdlexRxRgE0IPhEMTg3EYE=",
    ];

    fn certificate() -> Vec<u8> {
        BASE64.decode(CERTIFICATE.concat().as_bytes()).unwrap()
    }

    #[test]
    fn a_certificate_says_who_and_until_when() {
        let read = fields(&certificate()).unwrap();
        assert_eq!(read.subject, "C=DE, O=Site, CN=bmc.rig");
        assert_eq!(read.issuer, "C=DE, O=Site, CN=bmc.rig");
        assert!(read.is_own_issuer);
        assert_eq!(read.not_before.to_string(), "2026-11-26 07:25:00 UTC");
        assert_eq!(read.not_after.to_string(), "2036-11-23 07:25:00 UTC");
    }

    #[test]
    fn times_are_read_in_both_forms() {
        for (tag, text, expected) in [
            (UTC_TIME, "491231235959Z", Some("2049-12-31 23:59:59 UTC")),
            (UTC_TIME, "700101000000Z", Some("1970-01-01 00:00:00 UTC")),
            (UTC_TIME, "690101000000Z", None),
            (
                GENERALIZED_TIME,
                "99991231235959Z",
                Some("9999-12-31 23:59:59 UTC"),
            ),
            (GENERALIZED_TIME, "20241301000000Z", None),
            (UTC_TIME, "240229000000Z", Some("2024-02-29 00:00:00 UTC")),
            (UTC_TIME, "230229000000Z", None),
            (UTC_TIME, "2302280000Z", None),
            (UTC_TIME, "23022800000+Z", None),
            (SEQUENCE, "230228000000Z", None),
        ] {
            let mut bytes = vec![tag, u8::try_from(text.len()).unwrap()];
            bytes.extend(text.bytes());
            let read = time(&bytes).map(|(moment, _)| moment.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_certificate_cut_short_is_none() {
        let whole = certificate();
        for length in 0..whole.len() {
            assert_eq!(fields(&whole[..length]), None, "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            fields(&bytes);
        }

        #[test]
        fn changed_bytes_are_survived(at in 0..2000_usize, byte in any::<u8>()) {
            let mut bytes = certificate();
            let length = bytes.len();
            bytes[at % length] = byte;
            fields(&bytes);
        }
    }
}
