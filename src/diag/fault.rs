//! A coded fault that lies in no source: what went wrong, why, and what to do. Travels over the API as it is.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::code::Code;

/// What a running command or daemon reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub code: Code,
    pub message: String,
    /// What led to it, outermost first.
    pub causes: Vec<String>,
    pub help: Option<String>,
}

impl Fault {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            causes: Vec::new(),
            help: None,
        }
    }

    /// Adds an error and everything behind it as causes.
    #[must_use]
    pub fn because(mut self, error: &(dyn Error + 'static)) -> Self {
        self.causes.extend(chain(error));
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// What an error says, then what lies behind it. Some errors tell of their source themselves: nothing is said twice.
pub fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        let words = error.to_string();
        if !said.last().is_some_and(|before| before.ends_with(&words)) {
            said.push(words);
        }
        cause = error.source();
    }
    said
}

impl Error for Fault {}

impl fmt::Display for Fault {
    /// Several lines, ready for a terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.message)?;
        for cause in &self.causes {
            write!(f, "\n  because: {cause}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Failure {
        #[error("no file")]
        Bare,
        #[error("it cannot be read: {0}")]
        Telling(#[source] Box<Self>),
        #[error("no password")]
        Silent(#[source] Box<Self>),
    }

    #[test]
    fn nothing_is_said_twice_and_nothing_left_out() {
        use Failure::{Bare, Silent, Telling};
        let (bare, telling) = (|| Box::new(Bare), || Box::new(Telling(Box::new(Bare))));
        for (error, expected) in [
            (Bare, &["no file"][..]),
            (Telling(bare()), &["it cannot be read: no file"]),
            (Silent(bare()), &["no password", "no file"]),
            (
                Silent(telling()),
                &["no password", "it cannot be read: no file"],
            ),
            (
                Telling(Box::new(Silent(bare()))),
                &["it cannot be read: no password", "no file"],
            ),
        ] {
            assert_eq!(chain(&error), expected, "{error:?}");
        }
    }
}
