//! A server's certificate as people compare it. Must not decide whether it is trusted.

use crate::base::digest::Digest;
use crate::base::moment::Moment;

use super::der;

/// What a server presents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of its DER form.
    pub fingerprint: Digest,
    /// Whom it is for, as `CN=bmc, O=Example`; empty where that cannot be read.
    pub subject: String,
    /// Who vouches for it.
    pub issuer: String,
    pub is_self_signed: bool,
    pub not_before: Option<Moment>,
    pub not_after: Option<Moment>,
}

impl Certificate {
    pub(super) fn of(der: &[u8]) -> Self {
        let fields = der::fields(der);
        let fingerprint = Digest::of(der);
        match fields {
            Some(fields) => Self {
                fingerprint,
                subject: fields.subject,
                issuer: fields.issuer,
                is_self_signed: fields.is_own_issuer,
                not_before: Some(fields.not_before),
                not_after: Some(fields.not_after),
            },
            None => Self {
                fingerprint,
                subject: String::new(),
                issuer: String::new(),
                is_self_signed: false,
                not_before: None,
                not_after: None,
            },
        }
    }
}
