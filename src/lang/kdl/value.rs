//! Arguments and properties of a node, with what stands for them where they cannot be read.

use std::ops::Range;

use super::hint;
use super::number::{self, Number, NumberError};
use super::parser::{Parser, index_of, offset};
use super::tree::{Form, Index, NodeData, PropertyData, ScalarData, ValueData, Word};
use super::word::is_keyword;
use crate::diag::code::Code;

/// How far a type's closing parenthesis is looked for.
const TYPE: usize = 64;

impl Parser<'_, '_> {
    /// Reads an argument or a property into `node`, or over it where it is commented out.
    pub(super) fn entry(&mut self, node: &mut NodeData, is_dropped: bool) {
        let start = self.at;
        let value = self.value();
        let after = self.at;
        self.skip_node_space();
        if self.peek() != Some(b'=') {
            self.at = after;
            if !is_dropped {
                node.head_end = value.end;
                self.tree.arguments.push(value);
            }
            return;
        }
        let equals = self.at;
        self.at += 1;
        self.skip_node_space();
        let name = match value.scalar {
            ScalarData::Text(name) if value.annotation.is_none() => name,
            ScalarData::Faulty => self.word_at(start..after),
            ScalarData::Text(_)
            | ScalarData::Integer(_)
            | ScalarData::Float(_)
            | ScalarData::Bool(_)
            | ScalarData::Null => {
                let fault = self.fault(Code::Syntax, "a property's name is a word", start..after);
                let help = "write name=value; a type stands before the value";
                self.report(fault.help(help));
                self.word_at(start..after)
            }
        };
        let value = if self.at_value() {
            self.value()
        } else {
            let fault = self.fault(Code::Syntax, "a property has no value", start..equals + 1);
            self.report(fault.help("give it one: name=\"value\""));
            self.at = self.at.min(equals + 1);
            self.faulty(equals + 1)
        };
        if !is_dropped {
            node.head_end = value.end;
            self.tree.properties.push(PropertyData { name, value });
        }
    }

    /// Whether something that could be a value begins here.
    fn at_value(&self) -> bool {
        let is_end = matches!(self.peek(), None | Some(b'{' | b'}' | b';' | b'='));
        !is_end && self.newline() == 0 && !self.looking_at(b"//")
    }

    /// The value here; [`ScalarData::Faulty`] where it was reported. Something is always read.
    pub(super) fn value(&mut self) -> ValueData {
        let annotation = self.annotation();
        if annotation.is_some() {
            self.skip_node_space();
            if !self.at_value() {
                let fault = self.fault(
                    Code::Syntax,
                    "a type stands before nothing",
                    self.at - 1..self.at,
                );
                self.report(fault.help("write the value after it, or remove it"));
                return self.faulty(self.at);
            }
        }
        let start = self.at;
        let scalar = self.scalar();
        ValueData {
            scalar,
            annotation,
            start: offset(start),
            end: offset(self.at),
        }
    }

    fn scalar(&mut self) -> ScalarData {
        if self.at_string() {
            let word = self.string();
            return word.map_or(ScalarData::Faulty, ScalarData::Text);
        }
        let start = self.at;
        match self.peek() {
            Some(b'#') => self.keyword(),
            Some(b'\\' | b'/' | b'(' | b')' | b'[' | b']' | b'=') => self.stray(start),
            _ => {
                self.skip_bare();
                if hint::is_numeric(self.text.get(start..self.at).unwrap_or("")) || self.at_slash()
                {
                    return self.numeric(start);
                }
                self.bare(start)
            }
        }
    }

    fn keyword(&mut self) -> ScalarData {
        let start = self.at;
        while self.peek() == Some(b'#') {
            self.at += 1;
        }
        self.skip_bare();
        match self.text.get(start..self.at).unwrap_or("") {
            "#true" => ScalarData::Bool(true),
            "#false" => ScalarData::Bool(false),
            "#null" => ScalarData::Null,
            "#inf" => ScalarData::Float(f64::INFINITY),
            "#-inf" => ScalarData::Float(f64::NEG_INFINITY),
            "#nan" => ScalarData::Float(f64::NAN),
            "#" => {
                self.skip_line();
                let fault = self.fault(
                    Code::Syntax,
                    "`#` begins no comment in KDL",
                    start..start + 1,
                );
                self.report(fault.help("comments begin with //"));
                ScalarData::Faulty
            }
            word => {
                let message = format!("`{word}` is no keyword");
                let fault = self.fault(Code::Syntax, message, start..self.at);
                self.report(fault.help(
                    "there are #true, #false, #null, #inf, #-inf and #nan; a text stands in quotes",
                ));
                ScalarData::Faulty
            }
        }
    }

    /// A word without quotes that does not look like a number.
    fn bare(&mut self, start: usize) -> ScalarData {
        let text = self.text.get(start..self.at).unwrap_or("");
        if is_keyword(text) {
            let fault = self.fault(
                Code::Syntax,
                format!("`{text}` stands without its `#`"),
                start..self.at,
            );
            self.report(fault.help(format!("write #{text}, or \"{text}\" for the word")));
            return ScalarData::Faulty;
        }
        if matches!(self.peek(), Some(b'"')) && matches!(text, "r" | "R") {
            let fault = self.fault(
                Code::Syntax,
                "raw strings are written another way in KDL 2",
                start..self.at,
            );
            self.report(fault.help("write #\"…\"#"));
            let _skipped = self.string();
            return ScalarData::Faulty;
        }
        if text.starts_with(hint::is_quote) {
            return self.typographic(start);
        }
        ScalarData::Text(self.word_from(start, Form::Bare))
    }

    /// A word in quotes that are not KDL's: it is read up to the closing one.
    fn typographic(&mut self, start: usize) -> ScalarData {
        let rest = self.text.get(start..).unwrap_or("");
        let mut characters = rest.char_indices().skip(1);
        let line = |c: char| super::blank::is_newline(c);
        let end = characters.find(|(_, c)| hint::is_quote(*c) || line(*c));
        self.at = match end {
            Some((at, c)) if !line(c) => start + at + c.len_utf8(),
            Some(_) | None => self.at,
        };
        let fault = self.fault(Code::Syntax, "these are not KDL's quotes", start..self.at);
        self.report(fault.help("write plain double quotes: \"…\""));
        ScalarData::Faulty
    }

    /// A word that begins like a number.
    fn numeric(&mut self, start: usize) -> ScalarData {
        let word = self.text.get(start..self.at).unwrap_or("");
        let read = if self.at_slash() {
            Err(NumberError::Malformed)
        } else {
            number::read(word)
        };
        match read {
            Ok(Number::Float(number)) => ScalarData::Float(number),
            Ok(Number::Integer(number)) => {
                self.tree.integers.push(number);
                ScalarData::Integer(index_of(self.tree.integers.len()))
            }
            Err(NumberError::TooLarge) => {
                let fault = self.fault(Code::Syntax, "a number is too large", start..self.at);
                self.report(fault.help("numbers have at most 128 bits"));
                ScalarData::Faulty
            }
            Err(NumberError::Malformed) => self.malformed(start),
        }
    }

    /// A word that should have had quotes is read as if it had them.
    fn malformed(&mut self, start: usize) -> ScalarData {
        while self.at_slash() {
            self.at += 1;
            self.skip_bare();
        }
        let text = self.text.get(start..self.at).unwrap_or("");
        let word = text.trim_end_matches(',');
        let end = start + word.len();
        let scalar = ScalarData::Text(self.word_at(start..end));
        let fault = if hint::is_address(word) {
            let message = format!("`{word}` stands without quotes");
            self.fault(Code::BareAddress, message, start..end)
                .help(format!("quote it: \"{word}\""))
        } else if word.len() < text.len() {
            self.fault(
                Code::Syntax,
                "values are not separated by commas",
                end..self.at,
            )
            .help("separate them by spaces")
        } else {
            let message = format!("`{word}` is neither a number nor a word");
            self.fault(Code::Syntax, message, start..end).help(format!(
                "a text that is not a plain word stands in quotes: \"{word}\""
            ))
        };
        self.report(fault);
        scalar
    }

    /// Whether a slash stands here that begins no comment.
    fn at_slash(&self) -> bool {
        self.peek() == Some(b'/')
            && !["//", "/*", "/-"]
                .iter()
                .any(|mark| self.looking_at(mark.as_bytes()))
    }

    /// A mark where a value should be.
    fn stray(&mut self, start: usize) -> ScalarData {
        self.at += 1;
        self.skip_bare();
        let word = self.text.get(start..self.at).unwrap_or("");
        let message = format!("`{word}` stands where a value should be");
        let fault = self.fault(Code::Syntax, message, start..self.at);
        self.report(fault.help("a text with such characters stands in quotes"));
        ScalarData::Faulty
    }

    /// A type in parentheses.
    pub(super) fn annotation(&mut self) -> Option<Index> {
        if self.peek() != Some(b'(') {
            return None;
        }
        let open = self.at;
        self.at += 1;
        self.skip_node_space();
        let start = self.at;
        let word = if self.at_string() {
            self.string()
        } else {
            self.skip_bare();
            let text = self.text.get(start..self.at).unwrap_or("");
            let is_name = !text.is_empty() && !is_keyword(text) && !hint::is_numeric(text);
            is_name.then(|| self.word_from(start, Form::Bare))
        };
        self.skip_node_space();
        if let (Some(word), Some(b')')) = (word, self.peek()) {
            self.at += 1;
            self.tree.annotations.push(word);
            return Some(index_of(self.tree.annotations.len()));
        }
        // Up to a closing parenthesis on this line, else nothing more.
        let from = self.at;
        while self.at < from + TYPE
            && self.newline() == 0
            && !matches!(self.peek(), None | Some(b')' | b'{' | b'}' | b';'))
        {
            self.at += 1;
        }
        if self.peek() == Some(b')') {
            self.at += 1;
        } else {
            self.at = from;
        }
        let fault = self.fault(
            Code::Syntax,
            "a type annotation is one word in parentheses",
            open..self.at,
        );
        self.report(fault.help("write (type)value, or quote the value"));
        None
    }

    fn faulty(&self, at: usize) -> ValueData {
        ValueData {
            scalar: ScalarData::Faulty,
            annotation: None,
            start: offset(at),
            end: offset(at),
        }
    }

    /// The text of a range, taken as it stands.
    pub(super) fn word_at(&self, range: Range<usize>) -> Word {
        Word {
            start: offset(range.start),
            end: offset(range.end),
            form: Form::Bare,
        }
    }
}
