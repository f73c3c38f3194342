//! What a BMC tells of itself to everybody: its service root, and the certificate that it shows.

use std::time::Duration;

use hyper::body::Bytes;
use hyper::{Method, StatusCode};

use super::error::{Error, Malformed};
use super::model::link::Link;
use super::model::read::text;
use super::target::{Endpoint, Limits, Transport};
use super::wire::{Ask, Connector, Wire, malformed, presented};
use crate::base::fingerprint::Fingerprint;
use crate::world::https::Trusted;

/// A service root (DSP2046, "ServiceRoot"). Nothing of it is proven: whoever answers may say what he likes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    pub version: Option<String>,
    pub vendor: Option<String>,
    pub product: Option<String>,
    /// Of the service; of the machine too, with some.
    pub uuid: Option<String>,
    pub fingerprint: Fingerprint,
}

/// Asks an address whether Redfish is spoken there. Nothing is told to it, and whose certificate it shows is all the same.
///
/// # Errors
/// Where nobody answers within this time, or not as Redfish does.
pub async fn root(mut endpoint: Endpoint, within: Duration) -> Result<Root, Error> {
    let certificate = presented(&endpoint, within).await?;
    // The one that was just seen, whoever made it.
    endpoint.transport = Transport::Tls(Trusted::Pinned(certificate.fingerprint));
    let limits = Limits {
        connect: within,
        request: within,
        whole: within,
        settle: Duration::ZERO,
    };
    let mut wire = Wire::new(Connector::new(endpoint, within).await?, limits);
    let link = Link::root();
    let ask = Ask {
        method: Method::GET,
        link: link.clone(),
        fields: Vec::new(),
        body: Bytes::new(),
    };
    let answer = wire.send(&ask).await?;
    let root = match answer.status {
        StatusCode::OK => answer.object(),
        _ => None,
    };
    let version = root
        .as_ref()
        .and_then(|root| text(root, &["RedfishVersion"]));
    // Some show their root to nobody; that they speak OData they say all the same.
    let is_closed =
        answer.status == StatusCode::UNAUTHORIZED && answer.headers.contains_key("odata-version");
    if version.is_none() && !is_closed {
        return Err(malformed(&link, Malformed::Lacks("RedfishVersion")));
    }
    let told = |key: &str| root.as_ref().and_then(|root| text(root, &[key]));
    Ok(Root {
        vendor: told("Vendor"),
        product: told("Product"),
        uuid: told("UUID").map(|uuid| uuid.to_ascii_lowercase()),
        fingerprint: Fingerprint(certificate.fingerprint),
        version,
    })
}
