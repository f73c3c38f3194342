//! A program with its arguments in one line, which no shell ever reads.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What the language and the store take.
const LONGEST: usize = 4096;

/// A program's absolute path and its arguments, with spaces between them. What would mean something to a shell is refused, so that
/// nobody believes that it does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ProgramLine(String);

/// Why a text is no [`ProgramLine`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProgramLineError {
    #[error("a program that tells a secret is named by its absolute path")]
    Relative,
    #[error("`{0}` means nothing here: no shell reads it")]
    Shell(char),
    #[error("a program and its arguments stand in one line, with spaces between them")]
    Form,
}

impl ProgramLine {
    pub fn program(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }

    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').skip(1).filter(|word| !word.is_empty())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProgramLine {
    type Err = ProgramLineError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let of_shells = |one: char| "\"'\\`$|&;<>".contains(one);
        if let Some(found) = text.chars().find(|one| of_shells(*one)) {
            return Err(ProgramLineError::Shell(found));
        }
        if text.chars().any(char::is_control) || text.len() > LONGEST {
            return Err(ProgramLineError::Form);
        }
        let line = Self(text.to_owned());
        let program = line.program();
        match program.starts_with('/') && !program.ends_with('/') {
            true => Ok(line),
            false => Err(ProgramLineError::Relative),
        }
    }
}

impl TryFrom<String> for ProgramLine {
    type Error = ProgramLineError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ProgramLine> for String {
    fn from(line: ProgramLine) -> Self {
        line.0
    }
}

impl fmt::Display for ProgramLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_stands_between_spaces() {
        use ProgramLineError::{Form, Relative, Shell};
        for (text, expected) in [
            ("/bin/pass", Ok(vec!["/bin/pass"])),
            (
                "/bin/pass show  bmc/a#b ",
                Ok(vec!["/bin/pass", "show", "bmc/a#b"]),
            ),
            ("pass show", Err(Relative)),
            ("./pass", Err(Relative)),
            (" /bin/pass", Err(Relative)),
            ("/bin/", Err(Relative)),
            ("", Err(Relative)),
            ("/bin/pass 'a b'", Err(Shell('\''))),
            ("/bin/pass $A", Err(Shell('$'))),
            ("/bin/pass a | head", Err(Shell('|'))),
            ("/bin/pass\ta", Err(Form)),
            ("/bin/pass\na", Err(Form)),
        ] {
            let read = text.parse::<ProgramLine>();
            let words = read.as_ref().map(|line| {
                let words = std::iter::once(line.program()).chain(line.arguments());
                words.collect::<Vec<_>>()
            });
            assert_eq!(words.map_err(|error| *error), expected, "{text:?}");
            if let Ok(line) = read {
                let json = serde_json::to_string(&line).unwrap();
                assert_eq!(serde_json::from_str::<ProgramLine>(&json).unwrap(), line);
            }
        }
        assert_eq!(
            format!("/{}", "x".repeat(5000)).parse::<ProgramLine>(),
            Err(Form)
        );
    }
}
