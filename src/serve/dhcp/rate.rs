//! How many messages a client or a circuit may send: what exceeds that is dropped before anything is looked up, made or kept for it.
//! Part of the engine, and as pure.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::sync::Arc;

use super::ask::scope_for;
use super::config::Config;
use super::engine::{Engine, Packet};
use super::exchange::Exchange;
use super::outcome::{Outcome, Silence};
use super::wire::Message;

/// What may come at once, in seconds of the rate: the clock tells no less than a second, and machines boot in bursts.
const BURST_SECONDS: u64 = 10;

/// Buckets of one table: half a megabyte.
const SETS: usize = 4096;
const WAYS: usize = 4;

/// Messages that one client or circuit may send now.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    /// Whose it is; 0 for nobody's.
    key: u64,
    /// When it was used last.
    at: u64,
    left: u32,
    is_told: bool,
}

/// How a message stands to a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Within,
    /// Too much, for the first time in this second.
    Newly,
    Beyond,
}

/// A fixed number of buckets: among the few that a key may have, the one used longest ago makes room. A full one that is lost costs
/// nothing, since whoever comes anew may send as much.
#[derive(Debug, Default)]
struct Buckets(Vec<Bucket>);

impl Buckets {
    fn set(&mut self, is_on: bool) {
        let size = if is_on { SETS * WAYS } else { 0 };
        if self.0.len() != size {
            self.0 = vec![Bucket::default(); size];
        }
    }

    fn take(&mut self, whose: impl Hash, rate: u32, now: u64) -> Verdict {
        let mut hasher = DefaultHasher::new();
        whose.hash(&mut hasher);
        let key = hasher.finish() | 1;
        let sets = self.0.len() / WAYS;
        // The lowest bit is always set.
        let set = usize::try_from(key >> 1).unwrap_or(0).checked_rem(sets);
        let ways = set.and_then(|set| self.0.get_mut(set * WAYS..)?.get_mut(..WAYS));
        let Some(bucket) = ways.and_then(|ways| place_of(ways, key)) else {
            return Verdict::Within;
        };
        let most = u64::from(rate) * BURST_SECONDS;
        if bucket.key != key {
            (bucket.key, bucket.at, bucket.is_told) = (key, now, false);
            bucket.left = u32::try_from(most).unwrap_or(u32::MAX);
        }
        let passed = now.saturating_sub(bucket.at);
        if passed > 0 {
            let more = passed.saturating_mul(u64::from(rate));
            let left = u64::from(bucket.left).saturating_add(more).min(most);
            bucket.left = u32::try_from(left).unwrap_or(u32::MAX);
            (bucket.at, bucket.is_told) = (now, false);
        }
        if let Some(left) = bucket.left.checked_sub(1) {
            bucket.left = left;
            return Verdict::Within;
        }
        match std::mem::replace(&mut bucket.is_told, true) {
            false => Verdict::Newly,
            true => Verdict::Beyond,
        }
    }
}

/// The bucket of a key, else the one that it may take.
fn place_of(ways: &mut [Bucket], key: u64) -> Option<&mut Bucket> {
    let known = ways.iter().position(|bucket| bucket.key == key);
    let oldest = || {
        let ways = ways.iter().enumerate();
        let oldest = ways.min_by_key(|(_, bucket)| (bucket.key != 0, bucket.at));
        oldest.map(|(at, _)| at)
    };
    let at = known.or_else(oldest)?;
    ways.get_mut(at)
}

/// The rates of clients apart from those of circuits, so that whoever makes up hardware addresses frees no circuit.
#[derive(Debug, Default)]
pub(super) struct Rates {
    clients: Buckets,
    circuits: Buckets,
}

impl Rates {
    pub(super) fn set(&mut self, config: &Config) {
        let policies = || config.scopes().map(|served| served.scope.policy);
        let of_clients = policies().any(|policy| policy.rate_per_client.is_some());
        let of_circuits = policies().any(|policy| policy.rate_per_circuit.is_some());
        self.clients.set(of_clients);
        self.circuits.set(of_circuits);
    }

    fn is_on(&self) -> bool {
        !self.clients.0.is_empty() || !self.circuits.0.is_empty()
    }
}

impl Engine {
    /// Whether the message is one too many; then it is counted, and kept for those who ask once a second.
    pub(super) fn is_too_many(
        &mut self,
        now: u64,
        message: &Message<'_>,
        packet: Packet<'_>,
    ) -> bool {
        if !self.rates.is_on() {
            return false;
        }
        let config = Arc::clone(&self.config);
        let Some(served) = scope_for(&config, message, packet.via) else {
            return false;
        };
        let policy = &served.scope.policy;
        let mut excess = None;
        if let Some(rate) = policy.rate_per_client {
            let whose = (served.vlan, message.hardware);
            let verdict = self.rates.clients.take(whose, rate, now);
            excess = Some((verdict, Silence::ClientRate(rate)));
        }
        let is_within = excess
            .as_ref()
            .is_none_or(|(found, _)| *found == Verdict::Within);
        if is_within && let (Some(rate), Some(own)) = (policy.rate_per_circuit, message.circuit()) {
            let verdict = self.rates.circuits.take((served.vlan, own), rate, now);
            excess = Some((verdict, Silence::CircuitRate(rate)));
        }
        let Some((verdict, silence)) = excess else {
            return false;
        };
        if verdict == Verdict::Within {
            return false;
        }
        let mut exchange = Exchange::outlined(now, message, packet);
        exchange.vlan = config.vlan(served.vlan).cloned();
        exchange.scope = Some(served.subnet);
        match verdict {
            Verdict::Within | Verdict::Newly => self.conclude(exchange, silence.into()),
            Verdict::Beyond => self.tally(&exchange, &Outcome::Unanswered(silence)),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_fills_by_its_rate_and_holds_a_burst() {
        let mut buckets = Buckets::default();
        assert_eq!(buckets.take(1, 1, 0), Verdict::Within, "off");
        buckets.set(true);
        let mut within = |whose: u32, now: u64| {
            let tries = (0..1000).map(|_| buckets.take(whose, 2, now));
            tries.filter(|found| *found == Verdict::Within).count()
        };
        for (whose, now, expected) in [
            (1, 100, 20),
            (1, 100, 0),
            (2, 100, 20),
            (1, 101, 2),
            (1, 104, 6),
            (1, 1000, 20),
            (1, 999, 0),
            (1, u64::MAX, 20),
        ] {
            assert_eq!(within(whose, now), expected, "{whose} at {now}");
        }
    }

    #[test]
    fn what_is_too_much_is_told_once_a_second() {
        let mut buckets = Buckets::default();
        buckets.set(true);
        let mut last = |now: u64| {
            let found: Vec<_> = (0..30).map(|_| buckets.take(7, 1, now)).collect();
            found
                .into_iter()
                .filter(|one| *one == Verdict::Newly)
                .count()
        };
        assert_eq!([last(5), last(5), last(6)], [1, 0, 1]);
    }

    #[test]
    fn the_oldest_of_a_fixed_number_make_room() {
        let mut buckets = Buckets::default();
        buckets.set(true);
        for (now, whose) in (0..100_000u32).enumerate() {
            buckets.take(whose, 1, u64::try_from(now).unwrap());
        }
        assert_eq!(buckets.0.len(), SETS * WAYS);
        assert!(buckets.0.iter().all(|bucket| bucket.key != 0));
        let sum: u64 = buckets.0.iter().map(|bucket| bucket.at).sum();
        let mean = sum / u64::try_from(buckets.0.len()).unwrap();
        assert!(mean > 85_000, "those used last are kept: {mean}");
    }
}
