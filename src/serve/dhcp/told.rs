//! What a client may be told: options by ascending code, as they go on the wire. Must not know whose word counts.

use std::borrow::Cow;

use smallvec::SmallVec;

/// A value on the wire.
type Value<'a> = Cow<'a, [u8]>;

/// A dozen options at most, nearly always, and made for every reply: no map, and no allocation.
#[derive(Debug, Default)]
pub(super) struct Told<'a>(SmallVec<[(u8, Value<'a>); 12]>);

impl<'a> Told<'a> {
    fn place(&self, code: u8) -> Result<usize, usize> {
        self.0.binary_search_by_key(&code, |(own, _)| *own)
    }

    /// Writes over what there was.
    pub(super) fn put(&mut self, code: u8, value: Value<'a>) {
        match self.place(code) {
            Ok(at) => {
                if let Some((_, present)) = self.0.get_mut(at) {
                    *present = value;
                }
            }
            Err(at) => self.0.insert(at, (code, value)),
        }
    }

    pub(super) fn get(&self, code: u8) -> Option<&Value<'a>> {
        let at = self.place(code).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    pub(super) fn remove(&mut self, code: u8) -> Option<Value<'a>> {
        let at = self.place(code).ok()?;
        Some(self.0.remove(at).1)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(u8) -> bool) {
        self.0.retain(|(code, _)| keep(*code));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.0.iter().map(|(code, value)| (*code, value.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_the_last_word_counts() {
        let mut told = Told::default();
        for (code, value) in [(6, b"a"), (1, b"b"), (121, b"c"), (6, b"d"), (3, b"e")] {
            told.put(code, Cow::Borrowed(value));
        }
        assert_eq!(told.remove(3).as_deref(), Some(&b"e"[..]));
        assert_eq!(told.remove(3), None);
        told.retain(|code| code != 121);
        let left: Vec<_> = told.iter().collect();
        assert_eq!(left, [(1, &b"b"[..]), (6, b"d")]);
        assert_eq!(told.get(6).map(Cow::as_ref), Some(&b"d"[..]));
        assert_eq!(told.get(121), None);
    }
}
