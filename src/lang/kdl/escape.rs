//! The meaning of strings that is not their text as it stands: escapes, and the indentation of strings of several lines.

use super::blank::{is_newline, is_space};

/// What is wrong with a string, and at which byte of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EscapeError {
    pub(super) at: usize,
    pub(super) length: usize,
    pub(super) problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    Unknown,
    CodePoint,
    Indentation,
    LastLine,
}

impl Problem {
    pub(super) fn message(self) -> &'static str {
        match self {
            Self::Unknown => "this is no escape",
            Self::CodePoint => "this names no character",
            Self::Indentation => "a line is indented less than the closing quotes",
            Self::LastLine => "the closing quotes of several lines stand on a line of their own",
        }
    }

    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Unknown => {
                "escapes are \\n \\r \\t \\\\ \\\" \\b \\f \\s \\u{…}; write \\\\ for a backslash"
            }
            Self::CodePoint => {
                "write one to six hexadecimal digits of a Unicode scalar value: \\u{e9}"
            }
            Self::Indentation => {
                "begin each line with the same spaces or tabs as the closing quotes"
            }
            Self::LastLine => {
                "put the closing \"\"\" on the next line; what stands before them is cut from each line"
            }
        }
    }
}

fn error<T>(at: usize, length: usize, problem: Problem) -> Result<T, EscapeError> {
    Err(EscapeError {
        at,
        length,
        problem,
    })
}

/// The meaning of the inside of a string of one line.
pub(super) fn decode(text: &str) -> Result<String, EscapeError> {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        if c == '\\' {
            at += escape(text, at, &mut out)?;
        } else {
            out.push(c);
            at += c.len_utf8();
        }
    }
    Ok(out)
}

/// Reads the escape at `at`; returns its length.
fn escape(text: &str, at: usize, out: &mut String) -> Result<usize, EscapeError> {
    let rest = text.get(at + 1..).unwrap_or("");
    let Some(kind) = rest.chars().next() else {
        return error(at, 1, Problem::Unknown);
    };
    if is_space(kind) || is_newline(kind) {
        return Ok(1 + blank(rest));
    }
    out.push(match kind {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '\\' => '\\',
        '"' => '"',
        'b' => '\u{8}',
        'f' => '\u{c}',
        's' => ' ',
        'u' => return code_point(rest, at, out),
        _ => return error(at, 1 + kind.len_utf8(), Problem::Unknown),
    });
    Ok(2)
}

fn code_point(rest: &str, at: usize, out: &mut String) -> Result<usize, EscapeError> {
    let inside = rest
        .strip_prefix("u{")
        .and_then(|rest| rest.split_once('}'));
    let Some((digits, _)) = inside.filter(|(digits, _)| digits.len() <= 6) else {
        return error(at, 2, Problem::CodePoint);
    };
    let length = digits.len() + 4;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex);
    match number.and_then(char::from_u32) {
        Some(c) => {
            out.push(c);
            Ok(length)
        }
        None => error(at, length, Problem::CodePoint),
    }
}

/// Bytes of spaces and newlines that `text` begins with.
fn blank(text: &str) -> usize {
    text.len()
        - text
            .trim_start_matches(|c| is_space(c) || is_newline(c))
            .len()
}

/// The meaning of what stands between triple quotes, whose opening ones end their line.
pub(super) fn lines(text: &str, is_raw: bool) -> Result<String, EscapeError> {
    // Escaped line ends join lines before indentation is looked at (KDL 2.0, "Multi-line Strings").
    let joined = if is_raw { text.to_owned() } else { join(text) };
    let mut lines = split(&joined);
    let Some(indent) = lines.pop().filter(|last| last.chars().all(is_space)) else {
        return error(text.len(), 0, Problem::LastLine);
    };
    let mut out = String::with_capacity(joined.len());
    for (at, line) in lines.into_iter().skip(1).enumerate() {
        if at > 0 {
            out.push('\n');
        }
        if line.chars().all(is_space) {
            continue;
        }
        match line.strip_prefix(indent) {
            Some(line) => out.push_str(line),
            None => {
                let offset = text.find(line).unwrap_or(0);
                return error(offset, line.len(), Problem::Indentation);
            }
        }
    }
    if is_raw { Ok(out) } else { decode(&out) }
}

fn split(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(is_newline) {
        let (line, after) = rest.split_at(at);
        lines.push(line);
        let mut next = after.chars();
        next.next();
        rest = after.strip_prefix("\r\n").unwrap_or(next.as_str());
    }
    lines.push(rest);
    lines
}

/// A text without its escaped line ends; other escapes stay.
fn join(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let after = after.get(1..).unwrap_or("");
        let skipped = blank(after);
        if skipped > 0 {
            rest = after.get(skipped..).unwrap_or("");
            continue;
        }
        out.push('\\');
        let kind = after.chars().next().map_or(0, char::len_utf8);
        let (kind, after) = after.split_at(kind);
        out.push_str(kind);
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_mean_what_the_notation_says() {
        for (text, expected) in [
            (r"a\n\t\\\u{e9}\s", Ok("a\n\t\\é ")),
            ("a\\  \n  b", Ok("ab")),
            (r"\q", error(0, 2, Problem::Unknown)),
            (r"a\u{d800}", error(1, 8, Problem::CodePoint)),
            (r"\u{+41}", error(0, 7, Problem::CodePoint)),
            (r"\u41", error(0, 2, Problem::CodePoint)),
        ] {
            assert_eq!(decode(text).as_deref(), expected.as_deref(), "{text}");
        }
        for (text, expected) in [
            ("\n  a\n   b\n\n  ", Ok("a\n b\n")),
            ("\n", Ok("")),
            ("\n  a \\\n    b\n  ", Ok("a b")),
            ("\n a\n  ", error(1, 2, Problem::Indentation)),
            ("\n a\n b", error(6, 0, Problem::LastLine)),
        ] {
            assert_eq!(
                lines(text, false).as_deref(),
                expected.as_deref(),
                "{text:?}"
            );
        }
    }
}
