//! Enough of Rust's lexical grammar to tell code from comments and strings, and to find functions.

/// The text with every comment, string and character blanked, each line and column where it was.
pub(crate) fn code_of(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let length = opaque_length(&chars, at);
        for c in &chars[at..at + length.max(1)] {
            code.push(if length > 0 && *c != '\n' { ' ' } else { *c });
        }
        at += length.max(1);
    }
    code
}

/// Length of the comment or literal that begins at `at`; zero where none does.
fn opaque_length(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let follows_word = at > 0 && is_word(chars[at - 1]);
    match rest {
        ['/', '/', ..] => rest.iter().take_while(|c| **c != '\n').count(),
        ['/', '*', ..] => block_comment(rest),
        ['"', ..] => quoted(rest, '"'),
        ['r', '"' | '#', ..] if !follows_word => raw_string(rest),
        ['b', 'r', '"' | '#', ..] if !follows_word => match raw_string(&rest[1..]) {
            0 => 0,
            length => length + 1,
        },
        // A lifetime has no closing quote behind its first character.
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => quoted(rest, '\''),
        _ => 0,
    }
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// `r"…"` with any number of `#`; zero for a raw identifier such as `r#type`.
fn raw_string(rest: &[char]) -> usize {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let closing: Vec<char> = std::iter::once('"')
        .chain(std::iter::repeat_n('#', hashes))
        .collect();
    let begin = hashes + 2;
    let body = rest[begin..].windows(closing.len());
    let end = body.take_while(|window| *window != closing).count();
    (begin + end + closing.len()).min(rest.len())
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words of `code` with the byte where each begins.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut begins = code.char_indices().filter_map(move |(at, c)| {
        let before = code[..at].chars().next_back();
        (is_word(c) && !before.is_some_and(is_word)).then_some(at)
    });
    std::iter::from_fn(move || {
        let at = begins.next()?;
        let end = code[at..].find(|c| !is_word(c));
        Some((at, end.map_or(&code[at..], |end| &code[at..at + end])))
    })
}

/// The byte behind the brace that closes the one at `open`.
pub(crate) fn block_end(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + at + 1;
        }
    }
    code.len()
}

/// Number of the line, counted from 1, that holds byte `at`.
pub(crate) fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

#[test]
fn comments_and_literals_are_blanked() {
    for (text, expected) in [
        ("a // b\nc", "a     \nc"),
        ("a /* /* b */ c */ d", "a                 d"),
        (r#"f("}\"{", x)"#, "f(      , x)"),
        ("r#\"a\"b\"# + r#type", "         + r#type"),
        ("br\"}\" 'x' '\\'' &'a T", "               &'a T"),
    ] {
        assert_eq!(code_of(text), expected, "{text}");
    }
}
