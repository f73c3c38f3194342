//! How many cases a property is tested with.

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

/// Proptest's own number of cases, where `PROPTEST_CASES` gives none.
const OWN: u64 = 256;

/// The same cases each time, so that who changes one thing is not stopped by another; `tests/long` looks among others.
const SEED: RngSeed = RngSeed::Fixed(1);

/// As many as `few` by default. `PROPTEST_CASES` changes it in proportion, since a case of one property takes longer than one of
/// another; `PROPTEST_RNG_SEED` draws others.
pub(crate) fn cases(few: u32) -> ProptestConfig {
    let environment = ProptestConfig::default();
    let scaled = u64::from(few) * u64::from(environment.cases) / OWN;
    let rng_seed = match environment.rng_seed {
        RngSeed::Random => SEED,
        given @ RngSeed::Fixed(_) => given,
    };
    ProptestConfig {
        rng_seed,
        cases: u32::try_from(scaled).unwrap_or(u32::MAX).max(1),
        failure_persistence: None,
        ..environment
    }
}
