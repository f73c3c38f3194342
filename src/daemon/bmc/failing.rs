//! What is said of a BMC that answers, and does not do or tell what it was asked for.

use crate::base::name::HostName;
use crate::site::model::{Bmc, BmcProtocol};
use crate::world::bmc::BmcError;
use crate::world::bmc::ipmi::IpmiError;
use crate::world::bmc::redfish;
use crate::world::bmc::switch::SwitchError;

/// In which way it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failing {
    /// It has no such thing.
    Lacks,
    /// No BMC has such a thing by this protocol.
    Unknown,
    /// It has such a thing, and not this one.
    Takes,
    Refuses,
    /// What it says is not as its protocol has it.
    Senseless,
    /// It agreed, and what it reports is another thing.
    Breaks,
    /// It cannot be sent to from here.
    Elsewhere,
}

/// Of errors that say that a BMC fails; what else there is counts as a refusal.
pub(super) fn failing(error: &BmcError) -> Failing {
    use redfish::Error;
    match error {
        BmcError::Ipmi(IpmiError::Unknown(_)) => Failing::Unknown,
        BmcError::Ipmi(IpmiError::Unsupported(_))
        | BmcError::Redfish(Error::Unsupported(_))
        | BmcError::Switch(SwitchError::Unsupported { .. }) => Failing::Lacks,
        BmcError::Redfish(
            Error::NotAllowed { .. }
            | Error::NoCycle { .. }
            | Error::Missing { .. }
            | Error::Ambiguous { .. },
        ) => Failing::Takes,
        BmcError::Ipmi(IpmiError::Malformed(_)) | BmcError::Redfish(Error::Malformed { .. }) => {
            Failing::Senseless
        }
        BmcError::Redfish(Error::NotDone { .. } | Error::Unfinished(_)) => Failing::Breaks,
        BmcError::Switch(SwitchError::WakeOnLan(_)) => Failing::Elsewhere,
        BmcError::Ipmi(_) | BmcError::Redfish(_) | BmcError::Switch(_) => Failing::Refuses,
    }
}

impl Failing {
    /// The message's end, for a question as for a command.
    pub(super) fn verdict(self) -> &'static str {
        match self {
            Self::Lacks | Self::Unknown => "has no such thing",
            Self::Takes => "has not that, but others",
            Self::Refuses => "refuses",
            Self::Senseless => "says what cannot be used",
            Self::Breaks => "agreed, and did not do it",
            Self::Elsewhere => "cannot be reached from here",
        }
    }

    pub(super) fn help(self, host: &HostName, bmc: &Bmc) -> String {
        match self {
            Self::Lacks => match bmc.protocol {
                BmcProtocol::Redfish { .. } | BmcProtocol::Ipmi { .. } => {
                    "newer firmware of the BMC, or a license for it, may bring it".to_owned()
                }
                BmcProtocol::Webhook(_)
                | BmcProtocol::WakeOnLan { .. }
                | BmcProtocol::Manual(_)
                | BmcProtocol::Qemu { .. } => {
                    format!(
                        "`bmc` of {host} in the site says how it is reached: IPMI and Redfish can more"
                    )
                }
            },
            Self::Unknown => format!(
                "`bmc \"ipmi\"` of {host} in the site says how it is reached: `bmc \"redfish\"` can, where its BMC speaks that"
            ),
            Self::Takes => "choose one of those that it has".to_owned(),
            Self::Refuses => format!(
                "try again in a minute, since it may be busy; else see what machine/{host}/bmc may do"
            ),
            Self::Senseless => {
                "try again in a minute, since it may be starting; else its firmware is at fault"
                    .to_owned()
            }
            Self::Breaks => "it may do it all the same, only later".to_owned(),
            Self::Elsewhere => {
                "see that this controller has an address in the machine's subnet".to_owned()
            }
        }
    }

    /// Whether something may have come of a command all the same.
    pub(super) fn is_open(self) -> bool {
        match self {
            Self::Refuses | Self::Senseless | Self::Breaks => true,
            Self::Lacks | Self::Unknown | Self::Takes | Self::Elsewhere => false,
        }
    }
}
