//! The last events: kept by number, so that whoever reads them slowly is told how many it missed. Nobody waits for a reader.

use tokio::sync::watch;

use super::clock::Reading;
use crate::base::mark::RunId;
use crate::serve::dhcp::event::Event;
use crate::serve::dhcp::ring::Ring;

/// Events kept: some megabytes at most.
const KEPT: usize = 8192;

/// An event with its number, the run that it is of, and its time in seconds of the wall clock.
#[derive(Debug, Clone)]
pub struct Told {
    pub number: u64,
    pub run: RunId,
    pub at: u64,
    pub event: Event,
}

/// Some of the events that are kept.
#[derive(Debug)]
pub struct Events {
    /// How many before them are kept no longer.
    pub lost: u64,
    pub events: Vec<Told>,
    /// The number to go on from.
    pub next: u64,
}

pub(super) struct Log {
    ring: Ring<Told>,
    run: RunId,
    next: u64,
    /// The number of the next event, for those who wait for it.
    news: watch::Sender<u64>,
}

impl Log {
    pub(super) fn new(news: watch::Sender<u64>, run: RunId) -> Self {
        Self {
            ring: Ring::new(KEPT),
            run,
            next: 0,
            news,
        }
    }

    pub(super) fn push(&mut self, clock: Reading, event: Event) {
        let (number, run) = (self.next, self.run);
        self.next += 1;
        let (at, event) = (clock.now(), told(clock, event));
        self.ring.push(Told {
            number,
            run,
            at,
            event,
        });
    }

    /// Wakes those who wait, once for all that came since.
    pub(super) fn tell(&self) {
        if *self.news.borrow() != self.next {
            self.news.send_replace(self.next);
        }
    }

    /// The number of the next event.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The first `most` of those from number `from` on.
    pub(super) fn since(&self, from: u64, most: usize) -> Events {
        let first = self
            .ring
            .iter()
            .next()
            .map_or(self.next, |told| told.number);
        let begin = from.max(first);
        let passed = usize::try_from(begin - first).unwrap_or(usize::MAX);
        let events: Vec<Told> = self.ring.iter().skip(passed).take(most).cloned().collect();
        let next = events.last().map_or(begin, |told| told.number + 1);
        Events {
            lost: begin - from,
            events,
            next,
        }
    }
}

/// An event with the times of its leases as the wall clock has them.
fn told(clock: Reading, mut event: Event) -> Event {
    for lease in event.leases_mut().into_iter().flatten() {
        clock.put(lease);
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::mac::MacAddr;
    use crate::serve::dhcp::socket::clock::Clock;
    use crate::store::Faulty;
    use std::sync::Arc;

    fn numbers(events: &Events) -> Vec<u64> {
        events.events.iter().map(|told| told.number).collect()
    }

    #[test]
    fn a_slow_reader_loses_the_oldest_and_hears_how_many() {
        let (news, heard) = watch::channel(0);
        let mut log = Log::new(news, RunId(7));
        log.ring = Ring::new(4);
        let clock = Clock::load(&Faulty::default(), 0).unwrap().read();
        let event = Event::Exhausted {
            vlan: Arc::new("plant/pxe".parse().unwrap()),
            hardware: MacAddr([2, 0, 0, 0, 0, 1]).into(),
        };
        assert_eq!(log.since(0, 9).next, 0, "nothing yet");
        for number in 1..=10 {
            log.push(clock, event.clone());
            log.tell();
            assert_eq!(*heard.borrow(), number);
        }
        for (from, most, lost, expected, next) in [
            (0, 9, 6, &[6, 7, 8, 9][..], 10),
            (0, 2, 6, &[6, 7], 8),
            (6, 9, 0, &[6, 7, 8, 9], 10),
            (8, 1, 0, &[8], 9),
            (9, 9, 0, &[9], 10),
            (10, 9, 0, &[], 10),
            (99, 9, 0, &[], 99),
        ] {
            let events = log.since(from, most);
            let told = (events.lost, numbers(&events), events.next);
            assert_eq!(told, (lost, expected.to_vec(), next), "{from} {most}");
        }
    }
}
