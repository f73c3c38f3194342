//! What people mean who write something that is not KDL.

use std::net::IpAddr;

use crate::base::mac::MacAddr;

/// Whether a word begins as only a number may.
pub(super) fn is_numeric(word: &str) -> bool {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    let after_dot = unsigned.strip_prefix('.').unwrap_or(unsigned);
    after_dot.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether a word is an address, a prefix, a range of addresses or a hardware address, which KDL takes for a malformed number.
pub(super) fn is_address(word: &str) -> bool {
    let is_ip = |part: &str| part.parse::<IpAddr>().is_ok();
    let is_prefix = || word.split_once('/').is_some_and(|(ip, _)| is_ip(ip));
    let is_range = || word.split_once('-').is_some_and(|(first, _)| is_ip(first));
    is_ip(word) || is_prefix() || is_range() || word.parse::<MacAddr>().is_ok()
}

/// Quotes of typography and of other languages.
pub(super) fn is_quote(c: char) -> bool {
    matches!(
        c,
        '\'' | '`' | '\u{2018}'..='\u{201f}' | '\u{ab}' | '\u{bb}'
    )
}

/// Where a string that its line does not close was likely meant to end: before the braces that end the line, else with it.
pub(super) fn likely_end(line: &str) -> usize {
    let line = line.trim_end();
    let mut before = line.strip_suffix('{').map_or(line, str::trim_end);
    while let Some((rest, "}" | ";" | "};" | "{")) = before.rsplit_once([' ', '\t']) {
        before = rest.trim_end();
    }
    if before.len() > 1 {
        before.len()
    } else {
        line.len()
    }
}

/// Where a string was likely meant to end that begins `rest` and seems to end after `length` bytes, where something follows without a
/// space: the quotes of its line are odd in number, so that this may be the one that opens the next string.
pub(super) fn torn_end(rest: &str, length: usize) -> Option<usize> {
    let is_line = |byte: &&u8| !matches!(byte, b'\n' | b'\r');
    let line = rest.bytes().take(LINE);
    let line: Vec<u8> = line.take_while(|byte| is_line(&byte)).collect();
    let quotes = line.iter().filter(|byte| **byte == b'"').count();
    if line.len() == LINE || quotes.is_multiple_of(2) {
        return None;
    }
    rest.get(..length)?.find([' ', '\t'])
}

/// Longest line of which the quotes are counted.
const LINE: usize = 1_024;

/// The mark of a merge conflict that `line` begins with.
pub(in crate::lang) fn conflict_mark(line: &str) -> Option<char> {
    let mark = line
        .chars()
        .next()
        .filter(|c| matches!(c, '<' | '=' | '>' | '|'))?;
    let rest = line.trim_start_matches(mark);
    let is_mark =
        line.len() - rest.len() == 7 && (rest.is_empty() || rest.starts_with([' ', '\n', '\r']));
    is_mark.then_some(mark)
}

/// What is odd about a word that reads like another one: a character of another alphabet, or one that cannot be seen.
pub(in crate::lang) fn lookalike(word: &str) -> Option<String> {
    let odd = word.chars().find(|c| !c.is_ascii())?;
    let code = u32::from(odd);
    let latin = match odd {
        'а' | 'α' => 'a',
        'в' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' => 'e',
        'һ' => 'h',
        'і' | 'ι' => 'i',
        'ј' => 'j',
        'ӏ' => 'l',
        'м' => 'm',
        'п' => 'n',
        'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'ѕ' => 's',
        'т' => 't',
        'υ' => 'u',
        'ν' => 'v',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        '‐'..='―' | '−' => '-',
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{ad}' | '\u{feff}' => {
            return Some(format!(
                "it holds a character that cannot be seen, U+{code:04X}"
            ));
        }
        _ => return Some(format!("it holds `{odd}`, U+{code:04X}")),
    };
    Some(format!(
        "it holds U+{code:04X}, which looks like `{latin}` and is another letter"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_numbers() {
        for (word, expected) in [
            ("10.0.0.0/24", true),
            ("10.0.0.1", true),
            ("10.0.0.1-10.0.0.9", true),
            ("fe80::1/64", true),
            ("52:54:00:00:00:01", true),
            ("1.5", false),
            ("10/8", false),
        ] {
            assert_eq!(is_address(word), expected, "{word}");
        }
    }

    #[test]
    fn strings_end_where_their_line_suggests() {
        for (line, expected) in [
            ("\"pxe", 4),
            ("\"pxe {", 4),
            ("\"pxe  { ", 4),
            ("\"pxe } };", 4),
            ("\"{{ pxe }}", 10),
            ("\"", 1),
        ] {
            assert_eq!(likely_end(line), expected, "{line}");
        }
    }

    #[test]
    fn letters_of_other_alphabets_are_named() {
        assert_eq!(lookalike("machine"), None);
        assert!(lookalike("mаchine").is_some_and(|hint| hint.contains("U+0430")));
        assert!(lookalike("vlan\u{200b}").is_some_and(|hint| hint.contains("U+200B")));
    }
}
