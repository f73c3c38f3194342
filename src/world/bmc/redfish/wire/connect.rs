//! Opens connections to one BMC, verified as was asked for.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;

use super::super::error::Error;
use super::super::target::{Endpoint, Transport};
use super::HEAD;
use crate::world::https::{self, Certificate, Line, Tls, distrust};

/// What opens connections.
pub(crate) struct Connector {
    pub(super) endpoint: Endpoint,
    tls: Option<Tls>,
    within: Duration,
}

impl Connector {
    pub(crate) async fn new(endpoint: Endpoint, within: Duration) -> Result<Self, Error> {
        let tls = match &endpoint.transport {
            Transport::Tls(trusted) => Some(Tls::new(trusted).await?),
            Transport::Plain => None,
        };
        Ok(Self {
            endpoint,
            tls,
            within,
        })
    }

    /// Whether nobody on the way can read what is sent.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) async fn open(&self) -> Result<Line, Error> {
        let opened = timeout(self.within, self.verified()).await;
        opened.map_err(|_| Error::Silent(self.within))?
    }

    async fn verified(&self) -> Result<Line, Error> {
        let stream = connected(&self.endpoint).await?;
        let line = match &self.tls {
            Some(tls) => {
                let stream = tls.begin(name(&self.endpoint)?, stream).await;
                Line::open(stream.map_err(failed)?, HEAD).await
            }
            None => Line::open(stream, HEAD).await,
        };
        line.map_err(Error::Lost)
    }
}

/// Whether a BMC is trusted as its endpoint says; nothing is told to it.
pub(crate) async fn verified(endpoint: Endpoint, within: Duration) -> Result<(), Error> {
    let connector = Connector::new(endpoint, within).await?;
    connector.open().await.map(drop)
}

/// The certificate that a BMC presents, of which nothing is trusted; nothing is told to the BMC.
pub(crate) async fn presented(endpoint: &Endpoint, within: Duration) -> Result<Certificate, Error> {
    let look = async {
        let stream = connected(endpoint).await?;
        let seen = https::presented(name(endpoint)?, stream).await;
        seen.map_err(failed)
    };
    timeout(within, look)
        .await
        .map_err(|_| Error::Silent(within))?
}

async fn connected(endpoint: &Endpoint) -> Result<TcpStream, Error> {
    let stream = TcpStream::connect(endpoint.socket()).await;
    let stream = stream.map_err(Error::Unreachable)?;
    // Requests are small and each waits for its answer.
    stream.set_nodelay(true).map_err(Error::Unreachable)?;
    Ok(stream)
}

/// Whom the certificate must be for (RFC 9110, section 4.3.4).
fn name(endpoint: &Endpoint) -> Result<ServerName<'static>, Error> {
    match &endpoint.name {
        Some(name) => ServerName::try_from(name.to_string())
            .map_err(|error| Error::Tls(io::Error::other(error))),
        None => Ok(ServerName::IpAddress(endpoint.address.into())),
    }
}

fn failed(error: io::Error) -> Error {
    match distrust(&error) {
        Some(why) => Error::Distrust(why),
        None => Error::Tls(error),
    }
}
