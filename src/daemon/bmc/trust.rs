//! The certificate that a machine's BMC shows, for people to compare, and whether the site trusts it. Nothing is told to the BMC.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Bmcs, fault};
use crate::base::fingerprint::Fingerprint;
use crate::base::moment::Moment;
use crate::base::name::HostName;
use crate::base::url::HttpUrl;
use crate::diag::fault::{Fault, chain};
use crate::site::model::{Bmc, BmcAccount, BmcProtocol, BmcTrust};
use crate::world::bmc::switch::{SwitchError, webhook};
use crate::world::bmc::{BmcError, endpoint, redfish, trusted};
use crate::world::https::{Certificate, Trusted};

/// How long a BMC may take to show its certificate.
const SHOWN_WITHIN: Duration = Duration::from_secs(15);

/// A certificate that a BMC shows, and what the site has to say of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownCertificate {
    pub machine: HostName,
    pub fingerprint: Fingerprint,
    pub subject: String,
    pub issuer: String,
    pub is_self_signed: bool,
    pub not_before: Option<u64>,
    pub not_after: Option<u64>,
    /// Whether it is the one that the site pins; none where the site pins none.
    pub is_pinned: Option<bool>,
    /// Who vouches for it, of those whom the site trusts with that: a file on the controller, or the controller's system.
    #[serde(default)]
    pub vouched_by: Option<String>,
    /// Why the site does not trust it; none where it does.
    #[serde(default)]
    pub distrust: Option<String>,
}

/// Where a certificate is shown.
#[derive(Clone, Copy)]
enum Place<'a> {
    Redfish(&'a BmcAccount),
    Webhook(&'a HttpUrl),
}

impl Bmcs {
    pub(in crate::daemon) async fn certificate(
        &self,
        machine: HostName,
    ) -> Result<ShownCertificate, Fault> {
        let bmc = self.bmc_of(&machine).await?;
        let (place, trusts) = place(&bmc).ok_or_else(|| fault::no_certificate(&machine, &bmc))?;
        let shown = place.shown(Trusted::System(self.pool.trust())).await;
        let shown = match shown {
            Ok(shown) => shown,
            Err(error) => {
                let fault = fault::bmc(&machine, &bmc, &error);
                if fault::is_away(&fault) {
                    self.heard(&machine, Err(&fault)).await;
                }
                return Err(fault);
            }
        };
        let verified = match trusted(trusts, &self.pool.trust()).await {
            Ok(trusted) => {
                let verified = place.verified(trusted).await;
                verified.map_err(|error| reason(&error))
            }
            Err(error) => Err(chain(&error).join(": ")),
        };
        let fingerprint = Fingerprint(shown.fingerprint);
        let seconds = |moment: Moment| moment.0;
        let authority = match trusts {
            BmcTrust::System => Some("the controller's system".to_owned()),
            BmcTrust::Authority(path) => Some(path.clone()),
            BmcTrust::Pinned(_) => None,
        };
        Ok(ShownCertificate {
            machine,
            fingerprint,
            subject: shown.subject,
            issuer: shown.issuer,
            is_self_signed: shown.is_self_signed,
            not_before: shown.not_before.map(seconds),
            not_after: shown.not_after.map(seconds),
            is_pinned: trusts.pinned().map(|pinned| pinned == fingerprint),
            vouched_by: authority.filter(|_| verified.is_ok()),
            distrust: verified.err(),
        })
    }
}

/// None where there are no certificates.
fn place(bmc: &Bmc) -> Option<(Place<'_>, &BmcTrust)> {
    match &bmc.protocol {
        BmcProtocol::Redfish {
            account, trusts, ..
        } => Some((Place::Redfish(account), trusts)),
        BmcProtocol::Webhook(webhook) => {
            let request = webhook.request().filter(|one| one.url.is_tls())?;
            Some((Place::Webhook(&request.url), &webhook.trusts))
        }
        BmcProtocol::Ipmi { .. }
        | BmcProtocol::WakeOnLan { .. }
        | BmcProtocol::Manual(_)
        | BmcProtocol::Qemu { .. } => None,
    }
}

impl Place<'_> {
    async fn shown(self, any: Trusted) -> Result<Certificate, BmcError> {
        match self {
            Self::Redfish(account) => {
                let endpoint = endpoint(account.address, account.port, any);
                Ok(redfish::presented(&endpoint, SHOWN_WITHIN).await?)
            }
            Self::Webhook(url) => {
                let shown = webhook::presented(url, SHOWN_WITHIN).await;
                Ok(shown.map_err(SwitchError::from)?)
            }
        }
    }

    async fn verified(self, trusted: Trusted) -> Result<(), BmcError> {
        match self {
            Self::Redfish(account) => {
                let endpoint = endpoint(account.address, account.port, trusted);
                Ok(redfish::verified(endpoint, SHOWN_WITHIN).await?)
            }
            Self::Webhook(url) => {
                let verified = webhook::verified(url, &trusted, SHOWN_WITHIN).await;
                Ok(verified.map_err(SwitchError::from)?)
            }
        }
    }
}

/// Why a certificate is not trusted.
fn reason(error: &BmcError) -> String {
    match error {
        BmcError::Redfish(redfish::Error::Distrust(why))
        | BmcError::Switch(SwitchError::Webhook(webhook::Error::Distrust(why))) => why.to_string(),
        BmcError::Ipmi(_) | BmcError::Redfish(_) | BmcError::Switch(_) => chain(error).join(": "),
    }
}
