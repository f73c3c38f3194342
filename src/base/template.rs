//! Texts with places in them that are filled in later: `{{ name }}`. Knows no names.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text with places in it. Stored piece by piece: what was filled in is no place, whatever it looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Piece {
    Text(String),
    Place(String),
}

/// Why a text is no [`Template`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("a place that begins with `{{{{` does not end with `}}}}`")]
    Open,
    #[error("`{0}` is no name of a place")]
    Name(String),
}

impl Template {
    /// # Errors
    /// Where a place does not end, or has no name.
    pub fn read(text: &str) -> Result<Self, TemplateError> {
        let (mut pieces, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once("{{") {
            let (name, behind) = behind.split_once("}}").ok_or(TemplateError::Open)?;
            let name = name.trim();
            let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
            if name.is_empty() || !name.bytes().all(is_name) {
                return Err(TemplateError::Name(name.to_owned()));
            }
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::Place(name.to_owned()));
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    /// The names of its places, in the order written.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Place(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// Fills in the places that `of` knows; the others stay.
    #[must_use]
    pub fn filled<'v>(&self, of: impl Fn(&str) -> Option<&'v str>) -> Self {
        let mut pieces: Vec<Piece> = Vec::with_capacity(self.0.len());
        for piece in &self.0 {
            let piece = match piece {
                Piece::Text(text) => Piece::Text(text.clone()),
                Piece::Place(name) => match of(name) {
                    Some(value) => Piece::Text(value.to_owned()),
                    None => Piece::Place(name.clone()),
                },
            };
            match (pieces.last_mut(), piece) {
                (Some(Piece::Text(last)), Piece::Text(text)) => last.push_str(&text),
                (_, piece) => pieces.push(piece),
            }
        }
        Self(pieces)
    }

    /// Its text, where every place is filled in.
    pub fn text(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Writes it into `out` with what `of` tells for each place; false where it does not know one.
    pub fn write(&self, out: &mut Vec<u8>, mut of: impl FnMut(&str, &mut Vec<u8>) -> bool) -> bool {
        self.0.iter().all(|piece| match piece {
            Piece::Text(text) => {
                out.extend_from_slice(text.as_bytes());
                true
            }
            Piece::Place(name) => of(name, out),
        })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Place(name) => write!(f, "{{{{ {name} }}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in() {
        let known = |name: &str| (name == "a").then_some("1");
        for (text, expected) in [
            ("", ("", Some(""))),
            ("x", ("x", Some("x"))),
            ("{{ a }}", ("1", Some("1"))),
            ("{{a}}{{ a }}", ("11", Some("11"))),
            ("x{{ a }}y{{  b-c }}z", ("x1y{{ b-c }}z", None)),
            ("{ }} {a}", ("{ }} {a}", Some("{ }} {a}"))),
        ] {
            let filled = Template::read(text).unwrap().filled(known);
            assert_eq!(
                (filled.to_string().as_str(), filled.text()),
                expected,
                "{text}"
            );
            let mut out = Vec::new();
            let is_known = filled.write(&mut out, |_, _| false);
            assert_eq!(is_known, expected.1.is_some(), "{text}");
        }
        let template = Template::read("a {{ b }} {{ c }}").unwrap();
        assert_eq!(template.places().collect::<Vec<_>>(), ["b", "c"]);
        for (text, expected) in [
            ("{{ a", TemplateError::Open),
            ("{{ }}", TemplateError::Name(String::new())),
            ("{{ A }}", TemplateError::Name("A".to_owned())),
            ("{{ a | b }}", TemplateError::Name("a | b".to_owned())),
        ] {
            assert_eq!(Template::read(text), Err(expected), "{text}");
        }
    }
}
