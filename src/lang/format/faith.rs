//! Whether a formatted text still says what it said: by our parser, word for word, and by the kdl crate as a second reader.

use kdl::KdlDocument;

use super::layout::newlines;
use crate::base::limit;
use crate::diag::span::SourceId;
use crate::lang::kdl::{Mark, Node, Scalar, Token, Tree, Value, parse, tokens};
use crate::lang::slot::Gaps;

/// Whether `after` means what the text, parts and tree before it meant, and lacks none of its words and comments.
pub(super) fn is_kept(id: SourceId, before: (&str, &[Token], &Tree), after: &str) -> bool {
    let (text, parts, tree) = before;
    let (mut gaps, mut faults) = (Gaps::default(), Vec::new());
    let new_tree = parse(id, after, &mut gaps, &mut faults);
    let new_parts = tokens(id, after);
    faults.is_empty()
        && same_nodes(tree.roots(text), new_tree.roots(after))
        && same_parts((text, parts), (after, &new_parts))
        && agrees((text, parts), after)
}

fn same_nodes<'t>(
    mut before: impl Iterator<Item = Node<'t>>,
    mut after: impl Iterator<Item = Node<'t>>,
) -> bool {
    loop {
        match (before.next(), after.next()) {
            (None, None) => return true,
            (Some(before), Some(after)) if same_node(before, after) => {}
            (Some(_), _) | (None, Some(_)) => return false,
        }
    }
}

/// Recurses once a level, of which `limit::NESTING` bounds the number.
fn same_node(before: Node<'_>, after: Node<'_>) -> bool {
    let annotation = |node: Node<'_>| node.annotation().map(|one| one.value.to_owned());
    let same_name = before.name().value == after.name().value;
    let same_count = before.arguments().len() == after.arguments().len()
        && before.properties().len() == after.properties().len();
    let mut arguments = before.arguments().zip(after.arguments());
    let mut properties = before.properties().zip(after.properties());
    same_name
        && same_count
        && annotation(before) == annotation(after)
        && arguments.all(|(before, after)| same_value(before, after))
        && properties.all(|(before, after)| {
            before.name.value == after.name.value && same_value(before.value, after.value)
        })
        && same_nodes(before.children(), after.children())
}

fn same_value(before: Value<'_>, after: Value<'_>) -> bool {
    let same_scalar = match (before.scalar, after.scalar) {
        // Bit for bit: #nan is not equal to itself.
        (Scalar::Float(before), Scalar::Float(after)) => before.to_bits() == after.to_bits(),
        (before, after) => before == after,
    };
    let annotation = |value: Value<'_>| value.annotation.map(|one| one.value.to_owned());
    same_scalar && before.is_bare == after.is_bare && annotation(before) == annotation(after)
}

/// Whether the same words, marks and comments stand in the same order, those that are commented out included.
fn same_parts(before: (&str, &[Token]), after: (&str, &[Token])) -> bool {
    fn parts<'t>((text, tokens): (&'t str, &'t [Token])) -> impl Iterator<Item = (Mark, &'t str)> {
        let is_layout = |mark| matches!(mark, Mark::Newline | Mark::End | Mark::Continuation);
        let kept = tokens.iter().filter(move |token| !is_layout(token.mark));
        kept.map(|token| (token.mark, token.of(text)))
    }
    let mut after = parts(after);
    let mut before = parts(before);
    loop {
        match (before.next(), after.next()) {
            (None, None) => return true,
            (Some((mark, text)), Some((new_mark, new_text)))
                if mark == new_mark && same_part(mark, text, new_text) => {}
            (Some(_), _) | (None, Some(_)) => return false,
        }
    }
}

/// Of comments the spaces may change, of strings only the kind of newline.
fn same_part(mark: Mark, before: &str, after: &str) -> bool {
    let letters =
        |text: &str| -> Vec<char> { text.chars().filter(|c| !c.is_whitespace()).collect() };
    let is_comment = matches!(mark, Mark::LineComment | Mark::BlockComment);
    before == after || newlines(before) == after || is_comment && letters(before) == letters(after)
}

/// Whether the kdl crate, where it can be asked, finds that both texts mean the same.
fn agrees((text, parts): (&str, &[Token]), after: &str) -> bool {
    if text.len().max(after.len()) > limit::SECOND_OPINION_BYTES || parts.iter().any(is_trap) {
        return true;
    }
    match (opinion(text), opinion(after)) {
        (Some(before), Some(after)) => before == after,
        // It cannot read what it could before.
        (Some(_), None) => false,
        (None, _) => true,
    }
}

/// Where the crate is not asked, besides of large texts: it recurses for each sign of a block comment, so that its stack may
/// overflow, and it refuses some texts with nodes that are commented out.
fn is_trap(token: &Token) -> bool {
    matches!(token.mark, Mark::BlockComment | Mark::Slashdash)
}

fn opinion(text: &str) -> Option<KdlDocument> {
    let mut document = KdlDocument::parse_v2(text).ok()?;
    document.clear_format_recursive();
    Some(document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::span::Sources;

    fn check(before: &str, after: &str, expected: bool) {
        let id = Sources::default().add("t.kdl", before.into());
        let (mut gaps, mut faults) = (Gaps::default(), Vec::new());
        let tree = parse(id, before, &mut gaps, &mut faults);
        assert!(faults.is_empty(), "{before:?}");
        let parts = tokens(id, before);
        let found = is_kept(id, (before, &parts, &tree), after);
        assert_eq!(found, expected, "{before:?} {after:?}");
    }

    #[test]
    fn every_change_but_of_layout_is_seen() {
        for (before, after, expected) in [
            ("a  1 ; b", "a 1\nb\n", true),
            ("a #nan", "a #nan", true),
            ("a b=1 c=2", "a c=2 b=1", false),
            ("a 1 2", "a 2 1", false),
            ("a 1", "a 1.0", false),
            ("a \"b\"", "a b", false),
            ("a (t)1", "a 1", false),
            ("(t)a", "a", false),
            ("a { b }", "a; b", false),
            ("a { }", "a", false),
            ("a // c", "a", false),
            ("a /* c */", "a /* d */", false),
            ("a /-1", "a", false),
            ("/-a \"b  c\"", "/-a \"b c\"", false),
            ("/-a \"b  c\"", "/-a   \"b  c\"", true),
            ("a\n/-b { c }", "a\n/-b { d }", false),
            ("a", "a {", false),
        ] {
            check(before, after, expected);
        }
    }

    #[test]
    fn the_second_reader_has_its_say() {
        let said = |before: &str, after: &str| agrees((before, &[]), after);
        assert!(said("a b=1 { c }", "a b=1 {\n    c\n}\n"));
        assert!(!said("a b=1 { c }", "a b=1; c"));
        assert!(!said("a b=1", "a b="));
        assert!(
            said("a b=", "a"),
            "it has no opinion on what it cannot read"
        );
    }

    /// Why its document model does not carry the formatter. Should this fail one day, it may be worth another look.
    #[test]
    fn the_crate_forgets_what_follows_a_block() {
        let document = KdlDocument::parse_v2("a { b } // c\nd\n").unwrap();
        assert_eq!(document.to_string(), "a { b }d\n");
    }
}
