//! Maps that are read in one go: their nodes are full, where pairs put in one by one in their order leave them half empty.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// Reads a map, for `#[serde(deserialize_with)]`; of two pairs with one key the later counts.
///
/// # Errors
/// Where it is none.
pub fn map<'de, D, K, V>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
where
    D: Deserializer<'de>,
    K: Ord + Deserialize<'de>,
    V: Deserialize<'de>,
{
    deserializer.deserialize_map(Pairs(PhantomData))
}

struct Pairs<K, V>(PhantomData<(K, V)>);

impl<'de, K: Ord + Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for Pairs<K, V> {
    type Value = BTreeMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = access.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_map_writes() {
        for (text, expected) in [
            ("{}", Ok(vec![])),
            (r#"{"b": 1, "a": 2}"#, Ok(vec![("a", 2), ("b", 1)])),
            (r#"{"a": 1, "a": 2}"#, Ok(vec![("a", 2)])),
            (r#"{"a": "x"}"#, Err(())),
            ("[]", Err(())),
        ] {
            let read = map::<_, String, u8>(&mut serde_json::Deserializer::from_str(text));
            let read = read.map_err(drop);
            let expected = expected.map(|pairs| {
                let pairs = pairs.into_iter();
                pairs.map(|(key, value)| (key.to_owned(), value)).collect()
            });
            assert_eq!(read, expected, "{text}");
        }
    }
}
