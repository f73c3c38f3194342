//! Whose turn it is: one with each BMC, since it has few sessions and fewer thoughts, and not too many with all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::PoolError;
use crate::base::bmc::BmcAddress;

/// BMCs that are spoken with at once: a rack's worth, and little memory.
pub(super) const AT_ONCE: u32 = 128;

/// Of these, as many may be polled: whoever waits for an answer finds room also while BMCs that hang are waited for.
pub const POLLED: usize = 96;

pub(super) struct Turns {
    all: Arc<Semaphore>,
    polled: Arc<Semaphore>,
    each: Mutex<Each>,
}

/// BMCs that somebody speaks with or waits for, and some that nobody does any more.
struct Each {
    own: HashMap<BmcAddress, Arc<Semaphore>>,
    /// How many there may be before those are forgotten.
    room: usize,
}

/// Fewer are not worth the looking.
const ROOM: usize = 2 * AT_ONCE as usize;

/// Leave to speak with a BMC, until it is dropped.
pub(super) struct Turn {
    _one: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
    _polled: Option<OwnedSemaphorePermit>,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(AT_ONCE as usize)),
            polled: Arc::new(Semaphore::new(POLLED)),
            each: Mutex::new(Each {
                own: HashMap::new(),
                room: ROOM,
            }),
        }
    }
}

impl Turns {
    /// Waits until nobody else speaks with the BMC, and not too many with others; first come, first served.
    pub(super) async fn take<E>(&self, address: BmcAddress) -> Result<Turn, PoolError<E>> {
        // First the one: who waits for a BMC takes no room from others.
        let one = taken(self.own(address)).await?;
        let all = taken(Arc::clone(&self.all)).await?;
        Ok(Turn {
            _one: one,
            _all: all,
            _polled: None,
        })
    }

    /// Waits for room alone, not for a BMC that somebody speaks with.
    pub(super) async fn take_if_idle<E>(&self, address: BmcAddress) -> Result<Turn, PoolError<E>> {
        let polled = taken(Arc::clone(&self.polled)).await?;
        let all = taken(Arc::clone(&self.all)).await?;
        let one = self.own(address).try_acquire_owned();
        Ok(Turn {
            _one: one.map_err(|_| PoolError::Busy)?,
            _all: all,
            _polled: Some(polled),
        })
    }

    fn own(&self, address: BmcAddress) -> Arc<Semaphore> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if each.own.len() >= each.room {
            each.own.retain(|_, own| Arc::strong_count(own) > 1);
            each.room = ROOM.max(2 * each.own.len());
        }
        let own = each.own.entry(address);
        Arc::clone(own.or_insert_with(|| Arc::new(Semaphore::new(1))))
    }

    /// Waits until all turns are over; no other begins.
    pub(super) async fn end(&self) {
        let all = self.all.acquire_many(AT_ONCE).await;
        self.all.close();
        drop(all);
    }
}

async fn taken<E>(room: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, PoolError<E>> {
    room.acquire_owned().await.map_err(|_| PoolError::Ending)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;
    use tokio::task::{JoinSet, yield_now};

    /// Who speaks at one moment, and the most that did.
    #[derive(Default)]
    struct Seen {
        now: BTreeMap<BmcAddress, usize>,
        most: usize,
        most_of_one: usize,
        done: usize,
    }

    impl Seen {
        fn begins(&mut self, address: BmcAddress) {
            *self.now.entry(address).or_default() += 1;
            self.most = self.most.max(self.now.values().sum());
            self.most_of_one = self.most_of_one.max(self.now[&address]);
        }

        fn ends(&mut self, address: BmcAddress) {
            *self.now.get_mut(&address).unwrap() -= 1;
            self.done += 1;
        }
    }

    fn bmc(number: u32) -> BmcAddress {
        BmcAddress::Ip(Ipv4Addr::from_bits(0x0a00_0000 + number).into(), None)
    }

    /// Lets all come at once, each for a while that differs; returns what was seen.
    fn seen(callers: u32, bmcs: u32, is_poll: bool) -> (Seen, Arc<Turns>) {
        let turns = Arc::new(Turns::default());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut all = JoinSet::new();
            for caller in 0..callers {
                let (turns, seen) = (Arc::clone(&turns), Arc::clone(&seen));
                all.spawn(async move {
                    let address = bmc(caller % bmcs);
                    let turn = match is_poll {
                        true => turns.take_if_idle::<()>(address).await,
                        false => turns.take(address).await,
                    };
                    let Ok(_turn) = turn else { return };
                    seen.lock().unwrap().begins(address);
                    for _ in 0..=caller % 7 {
                        yield_now().await;
                    }
                    seen.lock().unwrap().ends(address);
                });
            }
            all.join_all().await;
        });
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        (seen, turns)
    }

    #[test]
    fn few_speak_at_once_and_one_with_each() {
        let (all, polled) = (AT_ONCE as usize, POLLED);
        for (callers, bmcs, is_poll, most) in [
            (1000, 1000, false, all),
            (1000, 300, false, all),
            (1000, 5, false, 5),
            (1000, 1, false, 1),
            (1000, 1000, true, polled),
        ] {
            let (seen, turns) = seen(callers, bmcs, is_poll);
            let told = (seen.most, seen.most_of_one, seen.done);
            assert_eq!(told, (most, 1, callers as usize), "{callers} {bmcs}");
            // Nobody is remembered for ever.
            for other in 0..4 * callers {
                turns.own(bmc(other));
            }
            assert!(turns.each.lock().unwrap().own.len() <= ROOM);
        }
    }

    #[test]
    fn a_poll_passes_by_who_is_spoken_with() {
        let (seen, _) = seen(200, 10, true);
        assert_eq!(seen.most_of_one, 1);
        assert!(seen.done < 200, "somebody waited");
    }
}
