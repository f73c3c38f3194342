//! Objects of a repository by their hashes, from one `git cat-file --batch` that runs as long as it is asked.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use super::{GitError, git, start};
use crate::base::digest::{Digest, Digester};

/// A running `git cat-file`.
pub(super) struct Objects {
    child: Child,
    asked: Option<ChildStdin>,
    answered: BufReader<ChildStdout>,
}

/// What kind an object is of, and how many bytes it has.
struct Header {
    hash: String,
    kind: String,
    size: u64,
}

/// Whether a text is the full hash of an object: SHA-1's or SHA-256's.
pub(super) fn is_hash(text: &str) -> bool {
    let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    matches!(text.len(), 40 | 64) && is_hexadecimal
}

impl Objects {
    pub(super) fn open(folder: &Path) -> Result<Self, GitError> {
        let mut child = git(folder)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(start)?;
        let closed = || GitError::Run(io::ErrorKind::BrokenPipe.into());
        let asked = child.stdin.take().ok_or_else(closed)?;
        let answered = child.stdout.take().ok_or_else(closed)?;
        Ok(Self {
            child,
            asked: Some(asked),
            answered: BufReader::new(answered),
        })
    }

    /// The hash of a commit's tree.
    pub(super) fn tree_of(&mut self, commit: &str) -> Result<String, GitError> {
        let header = self
            .ask(&format!("{commit}^{{tree}}"))
            .and_then(|header| {
                self.skip(header.size)?;
                Ok(header)
            })
            .map_err(GitError::Run)?;
        if header.kind == "tree" && is_hash(&header.hash) {
            Ok(header.hash)
        } else {
            Err(GitError::Answer(commit.to_owned()))
        }
    }

    /// The bytes of an object, unless it has more than `most`; then their number.
    pub(super) fn read(&mut self, hash: &str, most: u64) -> io::Result<Result<Vec<u8>, u64>> {
        let header = self.ask(hash)?;
        if header.size > most {
            self.skip(header.size)?;
            return Ok(Err(header.size));
        }
        let mut bytes = Vec::new();
        let mut content = (&mut self.answered).take(header.size);
        content.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != header.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.newline()?;
        Ok(Ok(bytes))
    }

    /// The digest and the size of an object of any size.
    pub(super) fn digest(&mut self, hash: &str) -> io::Result<(Digest, u64)> {
        let header = self.ask(hash)?;
        let mut digester = Digester::default();
        let mut content = (&mut self.answered).take(header.size);
        if io::copy(&mut content, &mut digester)? != header.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.newline()?;
        Ok((digester.finish(), header.size))
    }

    /// Asks for an object; its bytes and a newline are to be read next.
    fn ask(&mut self, name: &str) -> io::Result<Header> {
        let asked = self.asked.as_mut();
        let asked = asked.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
        asked.write_all(format!("{name}\n").as_bytes())?;
        asked.flush()?;
        let mut line = String::new();
        self.answered.read_line(&mut line)?;
        let mut words = line.split_ascii_whitespace();
        let header = (|| {
            Some(Header {
                hash: words.next()?.to_owned(),
                kind: words.next()?.to_owned(),
                size: words.next()?.parse().ok()?,
            })
        })();
        let absent = || {
            let message = format!("the repository lacks the object {name}");
            io::Error::new(io::ErrorKind::NotFound, message)
        };
        header.ok_or_else(absent)
    }

    fn skip(&mut self, size: u64) -> io::Result<()> {
        io::copy(&mut (&mut self.answered).take(size), &mut io::sink())?;
        self.newline()
    }

    fn newline(&mut self) -> io::Result<()> {
        let mut byte = [0; 1];
        self.answered.read_exact(&mut byte)
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        drop(self.asked.take());
        // It only reads; whatever it is at, nobody waits for it any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
