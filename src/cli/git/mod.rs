//! Revisions of a git repository: which commit and folder a text means, and the files of a site in it.
//!
//! Git runs as a program, with fixed arguments. What a person typed reaches it once, as a revision that was checked before; from then on it
//! is asked for objects by their hashes alone. The working tree, the index and the references are never touched.

mod files;
mod objects;
mod pointer;

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::diag::code::Code;
use crate::diag::fault::Fault;

pub(super) use files::GitFiles;
use files::{Node, Tree};
use objects::Objects;

/// Longest text that is taken for a revision.
const REVISION_BYTES: usize = 1024;

/// Why git could not be asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum GitError {
    #[error("git is not installed, or not in the PATH")]
    Missing,
    #[error("git cannot be run: {0}")]
    Run(#[source] std::io::Error),
    #[error("git says: {0}")]
    Said(String),
    #[error("git's answer about {0} is cut off or not understood")]
    Answer(String),
}

/// What someone typed for a revision: `REV` or `REV:PATH`.
#[derive(Debug, PartialEq, Eq)]
struct Revision<'a> {
    commit: &'a str,
    path: Option<&'a str>,
}

/// The repository that holds a folder.
pub(super) struct Repository<'a> {
    folder: &'a Path,
    /// The folder's path from the repository's root, without a slash at its end.
    prefix: String,
}

/// A site in a revision.
pub(super) struct Revised {
    pub(super) files: GitFiles,
    /// The first source.
    pub(super) root: String,
}

impl<'a> Repository<'a> {
    pub(super) fn holding(folder: &'a Path) -> Result<Self, Fault> {
        let (is_done, out, err) = run(folder, &["rev-parse", "--show-prefix"]).map_err(failed)?;
        if !is_done {
            return Err(failed(GitError::Said(err)));
        }
        let prefix = out.trim_end_matches('\n').trim_end_matches('/').to_owned();
        Ok(Self { folder, prefix })
    }

    /// The site that `text` names, in which `beside` is the path of the site from the repository's folder where `text` has none.
    pub(super) fn site(&self, text: &str, beside: &str) -> Result<Revised, Fault> {
        let unknown = |message: String| Fault::new(Code::RevisionUnknown, message).help(HELP);
        let revision = read(text)
            .ok_or_else(|| unknown(format!("`{text}` is no file here, and no revision")))?;
        let commit = self.commit(revision.commit)?.ok_or_else(|| {
            unknown(format!(
                "`{text}` is no file here, and git knows no commit `{}`",
                revision.commit
            ))
        })?;
        let path = match revision.path {
            None => join(&self.prefix, beside),
            Some(path) if path == "." || path.starts_with("./") || path.starts_with("../") => {
                join(&self.prefix, path)
            }
            Some(path) => join("", path),
        };
        let absent = |path: &str| unknown(format!("`{text}` has no site at `/{path}`"));
        let path = path.ok_or_else(|| absent(revision.path.unwrap_or_default()))?;
        let mut objects = Objects::open(self.folder).map_err(failed)?;
        let top = objects.tree_of(&commit).map_err(failed)?;
        let tree = Tree::new(objects, top);
        let (folder, root) = match tree.find(&path) {
            Ok(Node::Folder(_)) => (path.as_str(), crate::lang::ROOT),
            Ok(Node::File(_)) => path.rsplit_once('/').unwrap_or(("", &path)),
            Err(_) => return Err(absent(&path)),
        };
        match (tree.find(folder), tree.find(&format!("{folder}/{root}"))) {
            (Ok(Node::Folder(folder)), Ok(Node::File(_))) => Ok(Revised {
                root: root.to_owned(),
                files: GitFiles::new(tree, folder),
            }),
            _ => Err(absent(&path)),
        }
    }

    /// The hash of the one commit that `revision` names.
    fn commit(&self, revision: &str) -> Result<Option<String>, Fault> {
        let wanted = format!("{revision}^{{commit}}");
        let arguments = [
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &wanted,
        ];
        let (is_done, out, _) = run(self.folder, &arguments).map_err(failed)?;
        let hash = out.lines().last().unwrap_or_default();
        Ok((is_done && objects::is_hash(hash)).then(|| hash.to_owned()))
    }
}

const HELP: &str = "give a file or folder, a revision such as HEAD~1, or REVISION:PATH with the path from the repository's root";

/// Takes a revision apart. One that git could take for an option or for a range is refused.
fn read(text: &str) -> Option<Revision<'_>> {
    let (commit, path) = match text.split_once(':') {
        Some((commit, path)) => (commit, Some(path)),
        None => (text, None),
    };
    let is_plain = !commit.is_empty()
        && text.len() <= REVISION_BYTES
        && !commit.starts_with(['-', '^'])
        && !commit.contains("..")
        && !text.chars().any(char::is_control);
    is_plain.then_some(Revision { commit, path })
}

/// `path`, as seen from the folder `base`; none where it leaves the repository.
fn join(base: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn failed(error: GitError) -> Fault {
    Fault::new(Code::GitFailed, "git cannot be asked for a revision")
        .because(&error)
        .help("two folders can be compared without git: bedplate diff OLD-FOLDER NEW-FOLDER")
}

/// Git with nothing to wait for: it asks no questions, takes no locks, and fetches nothing that a partial clone lacks.
fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    // A hook's environment names its repository as seen from elsewhere; here the folder tells which one is meant.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(name);
    }
    command
        .current_dir(folder)
        .env("LC_ALL", "C")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null());
    command
}

/// Whether git ended well, what it said and what it complained about.
fn run(folder: &Path, arguments: &[&str]) -> Result<(bool, String, String), GitError> {
    let output = git(folder).args(arguments).output().map_err(start)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let complaint = text(&output.stderr).trim().replace('\n', "; ");
    Ok((output.status.success(), text(&output.stdout), complaint))
}

fn start(error: std::io::Error) -> GitError {
    if error.kind() == ErrorKind::NotFound {
        GitError::Missing
    } else {
        GitError::Run(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_that_could_mean_something_else_are_refused() {
        for text in [
            "",
            "-",
            "--all",
            "--output=x",
            "-h:site",
            "^HEAD",
            "a..b",
            "a...b",
            ":site",
            ":/text",
            "a\nb",
            "a\0b",
            "HEAD:a\u{1b}",
            "\t",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(read(&"x".repeat(REVISION_BYTES + 1)), None);
        for (text, commit, path) in [
            ("HEAD~1", "HEAD~1", None),
            ("main:", "main", Some("")),
            ("v1.0:sites/a", "v1.0", Some("sites/a")),
            ("HEAD:a:b", "HEAD", Some("a:b")),
            ("@{upstream}", "@{upstream}", None),
        ] {
            assert_eq!(read(text), Some(Revision { commit, path }), "{text}");
        }
    }

    #[test]
    fn paths_stay_in_the_repository() {
        for (base, path, expected) in [
            ("sites/a", ".", Some("sites/a")),
            ("sites/a", "../b", Some("sites/b")),
            ("sites/a", "../../..", None),
            ("", "sites//a/", Some("sites/a")),
            ("", "/etc", None),
            ("", "", Some("")),
        ] {
            assert_eq!(join(base, path).as_deref(), expected, "{base} {path}");
        }
    }
}
