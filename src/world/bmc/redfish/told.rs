//! What was read of many things, and what could not be read: one that is amiss does not cost the rest.

use super::error::Error;

/// More than these say nothing new.
const MOST: usize = 32;

/// What was read, and what a person should know of what was not.
#[derive(Debug, Clone, PartialEq)]
pub struct Told<T> {
    pub value: T,
    pub warnings: Vec<String>,
}

/// What could not be read so far.
#[derive(Default)]
pub(super) struct Warnings {
    texts: Vec<String>,
    more: usize,
}

impl Warnings {
    pub(super) fn add(&mut self, text: String) {
        if self.texts.contains(&text) {
            return;
        }
        match self.texts.len() < MOST {
            true => self.texts.push(text),
            false => self.more += 1,
        }
    }

    /// What was read, where it was; a failure that is of one answer alone is only told.
    pub(super) fn spare<T>(&mut self, read: Result<T, Error>) -> Result<Option<T>, Error> {
        match read {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.is_of_one_answer() => {
                self.add(error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What was read until `ended`. A BMC that failed midway has told something.
    pub(super) fn told<T>(
        mut self,
        value: T,
        is_empty: bool,
        ended: Result<(), Error>,
    ) -> Result<Told<T>, Error> {
        match ended {
            Ok(()) => {}
            Err(error) if !is_empty && error.is_of_the_moment() => {
                self.add(format!("the rest was not read: {error}"));
            }
            Err(error) => return Err(error),
        }
        if self.more > 0 {
            self.texts.push(format!("and {} more", self.more));
        }
        Ok(Told {
            value,
            warnings: self.texts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn warnings_are_bounded_and_told_once() {
        let mut warnings = Warnings::default();
        for number in 0..100 {
            warnings.add(format!("{}", number / 2));
        }
        let told = warnings.told((), true, Ok(())).unwrap();
        assert_eq!(told.warnings.len(), MOST + 1);
        assert_eq!(told.warnings[MOST], "and 36 more");
    }

    #[test]
    fn what_was_read_outlives_a_failure() {
        let silent = || Err(Error::Silent(Duration::from_secs(1)));
        let told = |is_empty, ended| Warnings::default().told((), is_empty, ended);
        assert!(told(true, silent()).is_err());
        assert_eq!(told(false, silent()).unwrap().warnings.len(), 1);
        assert!(told(false, Err(Error::Credentials)).is_err());
    }
}
