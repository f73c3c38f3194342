//! What is typed on a terminal: text for the machine, and commands behind the escape key. Knows no terminal.

/// What a person wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    Type(Vec<u8>),
    Break,
    Help,
    Leave,
}

/// Reads keys as they come.
#[derive(Debug)]
pub(super) struct Keys {
    escape: Option<u8>,
    /// Whether the escape key was the last.
    is_escaped: bool,
}

impl Keys {
    /// Without an escape key everything is text.
    pub(super) fn new(escape: Option<u8>) -> Self {
        Self {
            escape,
            is_escaped: false,
        }
    }

    /// What these keys mean. What stands behind a wish to leave is for nobody.
    pub(super) fn read(&mut self, typed: &[u8]) -> Vec<Wish> {
        let mut wishes = Vec::new();
        let mut text = Vec::new();
        for key in typed {
            let is_escape = Some(*key) == self.escape;
            if !self.is_escaped {
                self.is_escaped = is_escape;
                if !is_escape {
                    text.push(*key);
                }
                continue;
            }
            self.is_escaped = false;
            let wish = match key {
                b'.' => Wish::Leave,
                b'b' | b'B' => Wish::Break,
                b'?' => Wish::Help,
                _ => {
                    // The key itself once; what is no command was not meant as one.
                    if !is_escape {
                        text.extend(self.escape);
                    }
                    text.push(*key);
                    continue;
                }
            };
            if !text.is_empty() {
                wishes.push(Wish::Type(std::mem::take(&mut text)));
            }
            let is_last = wish == Wish::Leave;
            wishes.push(wish);
            if is_last {
                return wishes;
            }
        }
        if !text.is_empty() {
            wishes.push(Wish::Type(text));
        }
        wishes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(escape: Option<u8>, typed: &[&str], expected: &[Wish]) {
        let mut keys = Keys::new(escape);
        let read: Vec<Wish> = typed
            .iter()
            .flat_map(|typed| keys.read(typed.as_bytes()))
            .collect();
        assert_eq!(read, expected, "{typed:?}");
    }

    #[test]
    fn commands_stand_behind_the_escape_key() {
        let text = |text: &str| Wish::Type(text.as_bytes().to_vec());
        let key = Some(0x1d);
        check(key, &["ls\r"], &[text("ls\r")]);
        check(key, &["a\u{1d}.b"], &[text("a"), Wish::Leave]);
        check(key, &["\u{1d}", "."], &[Wish::Leave]);
        check(
            key,
            &["\u{1d}bx\u{1d}B"],
            &[Wish::Break, text("x"), Wish::Break],
        );
        check(key, &["\u{1d}?"], &[Wish::Help]);
        check(key, &["\u{1d}\u{1d}."], &[text("\u{1d}.")]);
        check(key, &["\u{1d}x"], &[text("\u{1d}x")]);
        check(Some(1), &["\u{1d}.\u{1}."], &[text("\u{1d}."), Wish::Leave]);
        check(None, &["\u{1d}.\u{1}."], &[text("\u{1d}.\u{1}.")]);
    }
}
