//! The one matcher of patterns: `?` and `*` stay within one `/`-separated component, `**` does not. Knows nothing of what the texts
//! name.

/// One part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Just(char),
    /// Any one character of a component.
    One,
    /// Any run of characters of a component.
    Run,
    /// Any run of characters.
    Everything,
}

impl Symbol {
    fn is_run(self) -> bool {
        match self {
            Self::Run | Self::Everything => true,
            Self::Just(_) | Self::One => false,
        }
    }

    /// Whether some character is one that both stand for, where `other` stands for one character.
    fn shares(self, other: Self) -> bool {
        match (self, other) {
            (Self::Just(own), Self::Just(other)) => own == other,
            (Self::Just(c), Self::One | Self::Run) | (Self::One | Self::Run, Self::Just(c)) => {
                c != '/'
            }
            (Self::Everything, _) | (_, Self::Everything) => true,
            (Self::One | Self::Run, Self::One | Self::Run) => true,
        }
    }
}

fn symbols(pattern: &str) -> Vec<Symbol> {
    let mut symbols = Vec::new();
    for c in pattern.chars() {
        match (c, symbols.last_mut()) {
            ('*', Some(last @ (Symbol::Run | Symbol::Everything))) => *last = Symbol::Everything,
            ('*', _) => symbols.push(Symbol::Run),
            ('?', _) => symbols.push(Symbol::One),
            (c, _) => symbols.push(Symbol::Just(c)),
        }
    }
    symbols
}

pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether `text` matches `pattern`. Time is bounded by the product of the lengths.
pub fn matches(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // `reached[n]`: the pattern so far matches the first n characters.
    let mut reached = vec![false; text.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for symbol in symbols(pattern) {
        if symbol.is_run() {
            let mut any = false;
            let ends = text.iter().map(Some).chain([None]);
            for (state, next) in reached.iter_mut().zip(ends) {
                any |= *state;
                *state = any;
                any &= next.is_none_or(|c| symbol.shares(Symbol::Just(*c)));
            }
        } else {
            let steps = reached
                .iter()
                .zip(&text)
                .map(|(state, c)| *state && symbol.shares(Symbol::Just(*c)));
            reached = std::iter::once(false).chain(steps).collect();
        }
    }
    reached.last() == Some(&true)
}

/// Whether some text matches both patterns.
pub fn meet(one: &str, other: &str) -> bool {
    let (one, other) = (symbols(one), symbols(other));
    // `row[n]`: what the first pattern matches so far can be what the first n symbols of the other match.
    let mut row = vec![false; other.len() + 1];
    if let Some(first) = row.first_mut() {
        *first = true;
    }
    for own in one.iter().copied().map(Some).chain([None]) {
        let mut next = vec![false; other.len() + 1];
        let mut is_carried = false;
        let theirs = other.iter().copied().map(Some).chain([None]);
        for ((at, is_reached), their) in row.iter().enumerate().zip(theirs) {
            if !*is_reached && !is_carried {
                continue;
            }
            is_carried = match (own, their) {
                (None, None) => return true,
                // A run may end here, or take in one more of the other's.
                (Some(own), Some(their)) => their.is_run() || (own.is_run() && own.shares(their)),
                (None, Some(their)) => their.is_run(),
                (Some(_), None) => false,
            };
            let Some(own) = own else { continue };
            let is_passed =
                own.is_run() || their.is_some_and(|one| one.is_run() && one.shares(own));
            let is_paired =
                !own.is_run() && their.is_some_and(|their| !their.is_run() && their.shares(own));
            for (at, is_next) in [(at, is_passed), (at + 1, is_paired)] {
                if let Some(state) = next.get_mut(at) {
                    *state |= is_next;
                }
            }
        }
        row = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_stays_within_a_component_and_two_do_not() {
        for (pattern, text, expected) in [
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a?c", "a/c", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("", "", true),
            ("", "a", false),
            ("a/*/c", "a/b/c", true),
            ("a/*/c", "a/b/b/c", false),
            ("a/*", "a/", true),
            ("a/*", "a/b/c", false),
            ("a/**", "a/b/c", true),
            ("a/**/c", "a/b/b/c", true),
            ("**", "a/b/c", true),
            ("**@b", "a/1@b", true),
            ("**@b", "a/1@bb", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn patterns_meet_where_one_text_matches_both() {
        for (one, other, expected) in [
            ("a/*", "a/b", true),
            ("a/*", "*/b", true),
            ("a/*", "b/*", false),
            ("a/*/c", "a/*", false),
            ("a/**/c", "a/*", false),
            ("a/**", "a/*/c", true),
            ("**", "a/*/c", true),
            ("*", "a/*", false),
            ("**c", "a/*/b", false),
            ("**b", "a/*/?b", true),
            ("a?", "ab*", true),
            ("a?", "a/", false),
            ("", "*", true),
            ("", "?", false),
            ("x*y*", "*z", true),
        ] {
            assert_eq!(meet(one, other), expected, "{one} {other}");
            assert_eq!(meet(other, one), expected, "{other} {one}");
        }
    }
}
