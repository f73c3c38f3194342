//! Patterns of include paths: `*` and `?` within one path component, expanded over [`Files`].

use super::files::{FileError, Files};
use crate::base::{glob, limit};

pub(super) use crate::base::glob::is_pattern;

/// The files that match `pattern`, sorted; at most one more than a site may have, so that the caller sees the excess.
pub(super) fn expand(files: &dyn Files, pattern: &str) -> Result<Vec<String>, FileError> {
    let mut found = vec![String::new()];
    let mut components = pattern.split('/').peekable();
    while let Some(component) = components.next() {
        let wants_folder = components.peek().is_some();
        let mut next = Vec::new();
        for folder in &found {
            if !is_pattern(component) {
                next.push(join(folder, component));
                continue;
            }
            let entries = match files.folder(folder) {
                Ok(entries) => entries,
                Err(FileError::Missing { .. }) => continue,
                Err(error) => return Err(error),
            };
            let matching = entries
                .iter()
                .filter(|entry| entry.is_folder == wants_folder && matches(component, &entry.name));
            next.extend(matching.map(|entry| join(folder, &entry.name)));
        }
        next.truncate(limit::SOURCE_FILES + 1);
        found = next;
    }
    found.sort();
    Ok(found)
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

/// Whether a folder's entry matches one component of a pattern. A leading dot must be written out.
fn matches(pattern: &str, name: &str) -> bool {
    let is_hidden = name.starts_with('.') && !pattern.starts_with('.');
    !is_hidden && glob::matches(pattern, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::files::MemoryFiles;

    #[test]
    fn a_leading_dot_is_written_out() {
        for (pattern, name, expected) in [
            ("*.kdl", "a.kdl", true),
            ("*.kdl", ".kdl", false),
            (".*", ".kdl", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn patterns_expand_over_folders() {
        let mut files = MemoryFiles::default();
        for path in [
            "racks/a/one.kdl",
            "racks/b/two.kdl",
            "racks/b/note.txt",
            "x.kdl",
        ] {
            files.insert(path, Vec::new());
        }
        for (pattern, expected) in [
            ("racks/*/*.kdl", vec!["racks/a/one.kdl", "racks/b/two.kdl"]),
            ("*.kdl", vec!["x.kdl"]),
            ("none/*.kdl", vec![]),
        ] {
            assert_eq!(expand(&files, pattern).unwrap(), expected, "{pattern}");
        }
    }
}
