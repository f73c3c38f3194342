//! "Did you mean": the known word nearest to a mistyped one.

/// The candidate with the fewest slips from `text`, if they are few enough for its length; the first in order among equals.
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = text.chars().collect();
    let most = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 4 * (word.len() + most))
        .filter(|candidate| *candidate != text)
        .filter_map(|candidate| {
            // Capitals are one slip, however many they are.
            if candidate.eq_ignore_ascii_case(text) {
                return Some((1, candidate));
            }
            // What has nothing left of the word is another one.
            let slips = distance(&word, candidate, most)?;
            (slips < word.len()).then_some((slips, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// The help line for a mistyped word.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    nearest(word, candidates).map(|found| format!("did you mean `{found}`?"))
}

/// Words in quotes, separated by commas.
pub fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

/// Damerau-Levenshtein distance, each part of the text moved at most once ("optimal string alignment"); none above `most`.
fn distance(a: &[char], b: &str, most: usize) -> Option<usize> {
    let b: Vec<char> = b.chars().collect();
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX);
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            let mut least = (at(&above, j) + usize::from(x != y))
                .min(at(&above, j + 1) + 1)
                .min(at(&row, j) + 1);
            if swapped {
                least = least.min(at(&before, j - 1).saturating_add(1));
            }
            row.push(least);
        }
        // A swap may go back one row, but never gains more than one.
        if row.iter().min().is_some_and(|least| *least > most + 1) {
            return None;
        }
        before = std::mem::replace(&mut above, row);
    }
    Some(at(&above, b.len())).filter(|slips| *slips <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted_and_bounded() {
        for (a, b, slips) in [
            ("", "ab", 2),
            ("vlan", "valn", 1),
            ("machine", "machina", 1),
            ("subnet", "subnett", 1),
            ("gateway", "gatweya", 2),
            ("kitten", "sitting", 3),
        ] {
            let chars: Vec<char> = a.chars().collect();
            assert_eq!(distance(&chars, b, slips), Some(slips), "{a} {b}");
            let fewer = slips.checked_sub(1);
            assert_eq!(fewer.and_then(|fewer| distance(&chars, b, fewer)), None);
        }
        let known = ["subnet", "space", "dhcp"];
        assert_eq!(nearest("subnte", known), Some("subnet"));
        assert_eq!(nearest("SUBNET", known), Some("subnet"));
        assert_eq!(nearest("x", ["y", "X"]), Some("X"));
        assert_eq!(nearest("x", ["y", "z"]), None);
        assert_eq!(nearest("controller", known), None);
        assert_eq!(nearest("dhcp", known), None, "an exact match is no slip");
    }
}
