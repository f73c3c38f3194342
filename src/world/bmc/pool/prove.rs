//! Whether a password is somebody's on a BMC, which tells none: one try to be let in by it, and no other with what it refused.

use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

use super::super::{BmcError, Target, Trouble};
use super::{Pool, PoolError, close};
use crate::base::digest::Digest;
use crate::site::model::Bmc;

/// More refusals than these are of no site: an older one may be tried once more then.
const MOST: usize = 65_536;

/// What BMCs refused, by what nothing can be read from.
#[derive(Default)]
pub(super) struct Refusals(BTreeSet<Digest>);

impl Refusals {
    fn note(&mut self, account: Digest) {
        if self.0.len() >= MOST {
            self.0.pop_first();
        }
        self.0.insert(account);
    }
}

impl Pool {
    /// Whether a BMC lets in whoever it is spoken with by here. Whoever asks has a turn with that BMC. With `anew` it is tried whatever was
    /// before: the BMC was just told that password.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn lets_in<E>(&self, by: &Bmc, anew: bool) -> Result<bool, PoolError<E>> {
        let target = Target::of(by, &self.0.trust).await;
        let target = target.map_err(PoolError::Target)?;
        let account = target.account();
        if !anew && self.refusals().0.contains(&account) {
            return Ok(false);
        }
        // In a task of its own: whoever gives up waiting leaves no session behind that nobody closes.
        let tried = tokio::spawn(async move {
            let session = target.open().await?;
            close(session).await;
            Ok(())
        });
        let Ok(tried) = tried.await else {
            return Err(PoolError::Ending);
        };
        match tried {
            Ok(()) => {
                self.refusals().0.remove(&account);
                Ok(true)
            }
            Err(error) if BmcError::trouble(&error) == Trouble::Credentials => {
                self.refusals().note(account);
                Ok(false)
            }
            Err(error) => Err(PoolError::Bmc(error)),
        }
    }

    // What is locked is whole at each moment.
    fn refusals(&self) -> MutexGuard<'_, Refusals> {
        let refusals = self.0.refusals.lock();
        refusals.unwrap_or_else(PoisonError::into_inner)
    }
}
