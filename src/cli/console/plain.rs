//! Text of a terminal without what commands the terminal (ECMA-48).

/// Reads text piece by piece.
#[derive(Debug, Default)]
pub(super) struct Plain {
    state: State,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// Behind an escape character.
    Escape,
    /// In a control sequence, which a letter or a sign like one ends.
    Sequence,
    /// In a control string, such as a window's title, which BEL or ST ends.
    String,
    /// Behind an escape character in one.
    StringEscape,
}

impl Plain {
    pub(super) fn text(&mut self, text: &str) -> String {
        text.chars().filter(|c| self.is_shown(*c)).collect()
    }

    fn is_shown(&mut self, c: char) -> bool {
        use State::{Escape, Sequence, String, StringEscape, Text};
        let (next, is_shown) = match (self.state, c) {
            (_, '\u{18}' | '\u{1a}') => (Text, false),
            (String | StringEscape, '\u{7}' | '\u{9c}') | (StringEscape, '\\') => (Text, false),
            (String, '\u{1b}') => (StringEscape, false),
            (String | StringEscape, _) => (String, false),
            (_, '\u{1b}') => (Escape, false),
            (Escape, '[') | (Text, '\u{9b}') => (Sequence, false),
            (Escape, 'P' | ']' | 'X' | '^' | '_') => (String, false),
            (Text, '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}') => (String, false),
            // What stands between the escape character and the last of its sequence, a choice of characters for one.
            (Escape, ' '..='/') => (Escape, false),
            (Escape, _) | (Sequence, '@'..='~') => (Text, false),
            (Sequence, _) => (Sequence, false),
            (Text, c) => (Text, !c.is_control() || matches!(c, '\n' | '\t')),
        };
        self.state = next;
        is_shown
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_commands_the_terminal() {
        for (pieces, expected) in [
            (&["login: root\r\n"][..], "login: root\n"),
            (&["\u{1b}[2J\u{1b}[1;1H", "GRUB\t1"], "GRUB\t1"),
            (&["\u{1b}", "[3", "1mred\u{1b}[0m"], "red"),
            (&["\u{1b}]0;title\u{7}a\u{1b}]2;b\u{1b}\\c"], "ac"),
            (&["\u{1b}(Bx\u{1b}=y\u{9b}1mz"], "xyz"),
            (&["a\u{8}b\u{0}"], "ab"),
            (&["\u{1b}P1;\u{1b}[2Jq\u{1b}\\e"], "e"),
        ] {
            let mut plain = Plain::default();
            let text: String = pieces.iter().map(|piece| plain.text(piece)).collect();
            assert_eq!(text, expected, "{pieces:?}");
        }
    }

    proptest! {
        #[test]
        fn no_control_is_left(text in any::<String>()) {
            let shown = Plain::default().text(&text);
            prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
        }
    }
}
