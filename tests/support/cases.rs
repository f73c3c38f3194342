//! How many cases a property is tested with.

use proptest::prelude::ProptestConfig;

/// Proptest's own number of cases, where `PROPTEST_CASES` gives none.
const OWN: u64 = 256;

/// As many as `few` by default. `PROPTEST_CASES` changes it in proportion, since a case of one property takes longer than one of
/// another.
pub(crate) fn cases(few: u32) -> ProptestConfig {
    let environment = ProptestConfig::default();
    let scaled = u64::from(few) * u64::from(environment.cases) / OWN;
    ProptestConfig {
        cases: u32::try_from(scaled).unwrap_or(u32::MAX).max(1),
        failure_persistence: None,
        ..environment
    }
}
