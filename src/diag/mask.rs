//! Source text as it may be shown: what may be a secret stands behind bullets, and what would command the terminal is drawn. Knows
//! not what makes it a secret.

use std::borrow::Cow;

use super::span::Span;

/// What stands for each character that is not shown.
const BULLET: char = '•';

/// A text in which places are masked, and where its offsets went: a bullet has other bytes than what it hides.
pub(super) struct Masked {
    pub(super) text: String,
    parts: Vec<Part>,
}

/// One masked place, in the text as written and as shown.
struct Part {
    written: (usize, usize),
    shown: (usize, usize),
    /// The shown offset of each character, behind its written one.
    characters: Vec<(usize, usize)>,
}

impl Masked {
    /// Masks `places` of `text`; they may overlap, and stand in any order.
    pub(super) fn new(text: &str, places: &[Span]) -> Self {
        let secrets = places
            .iter()
            .map(|place| (place.start as usize, place.end as usize, true));
        let commands = text
            .char_indices()
            .filter(|(_, character)| drawn(*character).is_some())
            .map(|(at, character)| (at, at + character.len_utf8(), false));
        let mut places: Vec<(usize, usize, bool)> = secrets.chain(commands).collect();
        places.sort_unstable();
        let mut masked = Self {
            text: String::with_capacity(text.len()),
            parts: Vec::new(),
        };
        let mut at = 0;
        for (start, end, is_secret) in places {
            let start = start.max(at);
            let Some(hidden) = text.get(start..end) else {
                continue;
            };
            masked.text.push_str(text.get(at..start).unwrap_or(""));
            masked.hide(start, hidden, is_secret);
            at = end;
        }
        masked.text.push_str(text.get(at..).unwrap_or(""));
        masked
    }

    fn hide(&mut self, start: usize, hidden: &str, is_secret: bool) {
        let from = self.text.len();
        let mut characters = Vec::new();
        for (at, character) in hidden.char_indices() {
            characters.push((start + at, self.text.len()));
            self.text.push(match character {
                '\n' | '\r' => character,
                _ if is_secret => BULLET,
                _ => drawn(character).unwrap_or(character),
            });
        }
        self.parts.push(Part {
            written: (start, start + hidden.len()),
            shown: (from, self.text.len()),
            characters,
        });
    }

    /// Where an offset of the text as written stands in the text as shown.
    pub(super) fn place(&self, at: usize) -> usize {
        let before = self.parts.partition_point(|part| part.written.0 <= at);
        let Some(part) = before.checked_sub(1).and_then(|last| self.parts.get(last)) else {
            return at;
        };
        if at >= part.written.1 {
            return part.shown.1 + (at - part.written.1);
        }
        let inside = part.characters.partition_point(|(one, _)| *one <= at);
        let character = inside
            .checked_sub(1)
            .and_then(|last| part.characters.get(last));
        character.map_or(part.shown.0, |(_, shown)| *shown)
    }
}

/// What stands for a character that commands a terminal or turns the direction of what follows; none for those that are shown.
fn drawn(character: char) -> Option<char> {
    /// Where Unicode's pictures of the control characters begin.
    const PICTURES: u32 = 0x2400;
    match character {
        '\n' | '\r' | '\t' => None,
        '\0'..='\u{1f}' => char::from_u32(PICTURES + u32::from(character)),
        '\u{7f}' => Some('\u{2421}'),
        '\u{80}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}' => {
            Some(char::REPLACEMENT_CHARACTER)
        }
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Some(char::REPLACEMENT_CHARACTER),
        _ => None,
    }
}

/// `text` as a terminal may have it: words of faults repeat what stands in a source.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    if text.chars().all(|character| drawn(character).is_none()) {
        return Cow::Borrowed(text);
    }
    let characters = text.chars();
    Cow::Owned(characters.map(|one| drawn(one).unwrap_or(one)).collect())
}

/// `text` with every occurrence of `secret` behind bullets.
pub fn without(text: &str, secret: &str) -> String {
    if secret.is_empty() {
        return text.to_owned();
    }
    let bullets: String = secret.chars().map(|_| BULLET).collect();
    text.replace(secret, &bullets)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diag::span::Sources;

    #[test]
    fn places_are_hidden_and_offsets_follow() {
        let written = "a=\"ç1\" b=x\ny\n";
        let id = Sources::default().add("t.kdl", Arc::from(written));
        let span = |start, end| Span::new(id, start, end);
        let masked = Masked::new(written, &[span(10, 13), span(2, 7), span(3, 4)]);
        assert_eq!(masked.text, "a=•••• b=•\n•\n");
        for part in ["a", " b", "\n"] {
            let (from, to) = (
                written.rfind(part).unwrap(),
                masked.text.rfind(part).unwrap(),
            );
            assert_eq!(masked.place(from), to, "{part}");
        }
        assert_eq!(masked.place(3), 5);
        assert_eq!(masked.place(5), 8);
        assert_eq!(without("`ab` is no ab", "ab"), "`••` is no ••");
    }

    #[test]
    fn what_commands_a_terminal_is_drawn() {
        let written = "a \u{1b}[2Jb\u{9b}c\u{202e}d\n\te";
        let id = Sources::default().add("t.kdl", Arc::from(written));
        let masked = Masked::new(written, &[Span::new(id, 6, 7)]);
        assert_eq!(masked.text, "a \u{241b}[2J•\u{fffd}c\u{fffd}d\n\te");
        let (from, to) = (written.find('d'), masked.text.find('d'));
        assert_eq!(from.map(|at| masked.place(at)), to);
        assert_eq!(harmless("x\u{1b}\u{7f}y"), "x\u{241b}\u{2421}y");
        assert_eq!(harmless("plain\n"), "plain\n");
    }
}
