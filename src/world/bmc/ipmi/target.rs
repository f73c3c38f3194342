//! Which BMC, and as whom.

use std::net::SocketAddr;
use std::time::Duration;

use super::codec::CipherSuite;
use super::error::IpmiError;
use crate::base::secret::Secret;

/// IPMI's UDP port.
pub const PORT: u16 = 623;

/// A user's name may have as many bytes (IPMI 2.0, table 13-11).
const USER: usize = 16;

/// A password or K_g may have as many (sections 22.30 and 22.25).
const KEY: usize = 20;

/// A BMC and how to be let in. It has no `Debug`, and must have none.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub user: Vec<u8>,
    pub password: Secret,
    /// K_g, the BMC's own key, where it has one.
    pub bmc_key: Option<Secret>,
    pub privilege: Privilege,
    /// In the order in which they are asked for. The next one is, where the BMC refuses one; never because it does not answer.
    pub suites: Vec<CipherSuite>,
    pub patience: Patience,
}

/// What a session may do (section 6.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// Reads.
    User,
    /// Changes the power and what the machine boots from.
    Operator,
    /// Changes the BMC itself.
    Administrator,
}

/// How long a BMC is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Before a question is asked anew; twice as long before the next time, and so on.
    pub first: Duration,
    /// Before it is given up.
    pub total: Duration,
}

impl Target {
    /// A target with everything else as is usual: an operator, suite 17, then 3, and patience for a slow BMC.
    pub fn new(address: SocketAddr, user: &[u8], password: Secret) -> Self {
        Self {
            address,
            user: user.to_vec(),
            password,
            bmc_key: None,
            privilege: Privilege::Operator,
            suites: vec![CipherSuite::Sha256, CipherSuite::Sha1],
            patience: Patience::default(),
        }
    }

    /// Whether all of it fits IPMI's fields.
    pub(super) fn check(&self) -> Result<(), IpmiError> {
        let key = self.bmc_key.as_ref().map_or(0, |key| key.bytes().len());
        for (length, most, what) in [
            (self.user.len(), USER, "a user's name"),
            (self.password.bytes().len(), KEY, "a password"),
            (key, KEY, "a key K_g"),
        ] {
            if length > most {
                return Err(IpmiError::TooLong(length, what));
            }
        }
        Ok(())
    }
}

impl Privilege {
    pub(super) fn number(self) -> u8 {
        match self {
            Self::User => 0x02,
            Self::Operator => 0x03,
            Self::Administrator => 0x04,
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            total: Duration::from_secs(10),
        }
    }
}

impl Patience {
    /// The pauses after each time that something is sent. They grow to `LONGEST`, and there is always another.
    pub(super) fn pauses(self) -> impl Iterator<Item = Duration> {
        const SHORTEST: Duration = Duration::from_millis(1);
        const LONGEST: Duration = Duration::from_secs(4);
        std::iter::successors(Some(self.first.clamp(SHORTEST, LONGEST)), |pause| {
            Some((*pause * 2).min(LONGEST))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<u128> = Patience::default()
            .pauses()
            .take(6)
            .map(|pause| pause.as_millis())
            .collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 4000, 4000]);
    }

    #[test]
    fn what_does_not_fit_is_refused_before_anything_is_sent() {
        let address = ([127, 0, 0, 1], PORT).into();
        for (user, password, expected) in [
            (16, 20, None),
            (17, 20, Some(IpmiError::TooLong(17, "a user's name"))),
            (16, 21, Some(IpmiError::TooLong(21, "a password"))),
        ] {
            let target = Target::new(
                address,
                &vec![b'u'; user],
                Secret::new(vec![b'p'; password]),
            );
            assert_eq!(target.check().err(), expected);
        }
    }
}
