//! The files of a site in a commit. As on disk, nothing outside the site folder is read, whatever paths and symbolic links say.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use super::objects::Objects;
use super::pointer;
use crate::base::digest::Digest;
use crate::base::limit;
use crate::lang::files::{Entry, FileError, Files};

/// Symbolic links followed on the way to one file, as many as Linux follows.
const LINKS: usize = 40;

/// Longest target of a symbolic link (`PATH_MAX`).
const TARGET_BYTES: u64 = 4096;

/// A commit's tree.
pub(in crate::cli) struct Tree {
    objects: RefCell<Objects>,
    top: String,
    /// Trees read so far, by their hashes.
    known: RefCell<BTreeMap<String, Rc<Listing>>>,
}

/// What a path leads to, by its hash.
pub(super) enum Node {
    Folder(String),
    File(String),
}

type Listing = BTreeMap<String, (Mode, String)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Folder,
    File,
    Link,
    /// A commit of another repository.
    Module,
}

/// The folder of a site in a commit.
pub(in crate::cli) struct GitFiles {
    tree: Tree,
    folder: String,
}

impl Tree {
    pub(super) fn new(objects: Objects, top: String) -> Self {
        Self {
            objects: RefCell::new(objects),
            top,
            known: RefCell::default(),
        }
    }

    /// What `path` leads to from the repository's root.
    pub(super) fn find(&self, path: &str) -> Result<Node, FileError> {
        self.walk(&self.top, path)
    }

    /// What `path` leads to from the tree `base`; symbolic links are followed as long as they stay in it.
    fn walk(&self, base: &str, path: &str) -> Result<Node, FileError> {
        let outside = || FileError::Outside {
            path: path.to_owned(),
        };
        let mut parts: VecDeque<String> = path.split('/').map(str::to_owned).collect();
        let mut trail = vec![base.to_owned()];
        let mut links = 0;
        while let Some(part) = parts.pop_front() {
            match part.as_str() {
                "" | "." => continue,
                ".." if trail.len() == 1 => return Err(outside()),
                ".." => {
                    trail.pop();
                    continue;
                }
                _ => {}
            }
            let here = trail.last().map_or(base, String::as_str);
            let listing = self.listing(here, path)?;
            let (mode, hash) = listing.get(&part).ok_or_else(|| FileError::Missing {
                path: path.to_owned(),
            })?;
            match mode {
                Mode::Folder => trail.push(hash.clone()),
                Mode::File if parts.iter().all(String::is_empty) => {
                    return Ok(Node::File(hash.clone()));
                }
                Mode::Link if links < LINKS => {
                    links += 1;
                    let target = self.target(hash, path)?;
                    if target.starts_with('/') {
                        return Err(outside());
                    }
                    for part in target.rsplit('/') {
                        parts.push_front(part.to_owned());
                    }
                }
                Mode::File | Mode::Link | Mode::Module => {
                    return Err(FileError::NotAFile {
                        path: path.to_owned(),
                    });
                }
            }
        }
        Ok(Node::Folder(trail.pop().unwrap_or_default()))
    }

    fn target(&self, hash: &str, path: &str) -> Result<String, FileError> {
        let read = self.objects.borrow_mut().read(hash, TARGET_BYTES);
        let target = read.map_err(|error| fault(path, error))?.ok();
        let target = target.and_then(|bytes| String::from_utf8(bytes).ok());
        target.ok_or_else(|| FileError::NotAFile {
            path: path.to_owned(),
        })
    }

    fn listing(&self, hash: &str, path: &str) -> Result<Rc<Listing>, FileError> {
        if let Some(known) = self.known.borrow().get(hash) {
            return Ok(Rc::clone(known));
        }
        let most = limit::SOURCE_BYTES as u64;
        let read = self.objects.borrow_mut().read(hash, most);
        let bytes =
            read.map_err(|error| fault(path, error))?
                .map_err(|size| FileError::TooLarge {
                    path: path.to_owned(),
                    size,
                })?;
        let garbled = || fault(path, io::ErrorKind::InvalidData.into());
        let listing = Rc::new(listed(&bytes, hash.len() / 2).ok_or_else(garbled)?);
        let kept = Rc::clone(&listing);
        self.known.borrow_mut().insert(hash.to_owned(), kept);
        Ok(listing)
    }
}

/// A tree object: a mode, a name and a hash of `width` bytes, one after the other (gitformat-pack and git-mktree describe it).
fn listed(mut bytes: &[u8], width: usize) -> Option<Listing> {
    let mut listing = Listing::new();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|byte| *byte == 0)?;
        let (head, rest) = bytes.split_at_checked(end)?;
        let (hash, rest) = rest.get(1..)?.split_at_checked(width)?;
        bytes = rest;
        let blank = head.iter().position(|byte| *byte == b' ')?;
        let mode = match head.get(..blank)? {
            b"40000" => Mode::Folder,
            b"120000" => Mode::Link,
            b"160000" => Mode::Module,
            mode if mode.starts_with(b"100") => Mode::File,
            _ => return None,
        };
        // A name that is not UTF-8 cannot be written in a site file.
        if let Ok(name) = std::str::from_utf8(head.get(blank + 1..)?) {
            let hash = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            listing.insert(name.to_owned(), (mode, hash));
        }
    }
    Some(listing)
}

impl GitFiles {
    pub(super) fn new(tree: Tree, folder: String) -> Self {
        Self { tree, folder }
    }

    fn file(&self, path: &str) -> Result<String, FileError> {
        match self.tree.walk(&self.folder, path)? {
            Node::File(hash) => Ok(hash),
            Node::Folder(_) => Err(FileError::NotAFile {
                path: path.to_owned(),
            }),
        }
    }
}

impl Files for GitFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let hash = self.file(path)?;
        let most = limit::SOURCE_BYTES as u64;
        let read = self.tree.objects.borrow_mut().read(&hash, most);
        read.map_err(|error| fault(path, error))?
            .map_err(|size| FileError::TooLarge {
                path: path.to_owned(),
                size,
            })
    }

    fn folder(&self, path: &str) -> Result<Vec<Entry>, FileError> {
        let Node::Folder(hash) = self.tree.walk(&self.folder, path)? else {
            return Err(FileError::NotAFile {
                path: path.to_owned(),
            });
        };
        let listing = self.tree.listing(&hash, path)?;
        let entries = listing.iter().map(|(name, (mode, _))| {
            let leads_to_folder = || {
                let whole = format!("{path}/{name}");
                matches!(self.tree.walk(&self.folder, &whole), Ok(Node::Folder(_)))
            };
            Entry {
                name: name.clone(),
                is_folder: match mode {
                    Mode::Folder => true,
                    Mode::File | Mode::Module => false,
                    Mode::Link => leads_to_folder(),
                },
            }
        });
        Ok(entries.collect())
    }

    /// A boot file need not be committed: then nothing is known of it. Of one that git LFS keeps, its pointer says all.
    fn digest(&self, path: &str) -> Result<(Digest, u64), FileError> {
        let hash = match self.file(path) {
            Err(FileError::Missing { path }) => return Err(FileError::Unknown { path }),
            found => found?,
        };
        let mut objects = self.tree.objects.borrow_mut();
        let found = objects.digest(&hash).map_err(|error| fault(path, error))?;
        if found.1 > pointer::BYTES {
            return Ok(found);
        }
        let read = objects.read(&hash, pointer::BYTES);
        let bytes = read.map_err(|error| fault(path, error))?.ok();
        let pointed = bytes.as_deref().and_then(pointer::read);
        Ok(pointed.unwrap_or(found))
    }
}

fn fault(path: &str, error: io::Error) -> FileError {
    FileError::Read {
        path: path.to_owned(),
        source: Arc::new(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_read_and_garbage_is_not() {
        let mut bytes = b"100644 a.kdl\0".to_vec();
        bytes.extend([0x11; 20]);
        bytes.extend(b"40000 racks\0");
        bytes.extend([0xab; 20]);
        let listing = listed(&bytes, 20).unwrap();
        let names: Vec<_> = listing.keys().map(String::as_str).collect();
        assert_eq!(names, ["a.kdl", "racks"]);
        assert_eq!(listing["racks"], (Mode::Folder, "ab".repeat(20)));
        for end in 1..bytes.len() {
            let _ = listed(&bytes[..end], 20);
        }
        assert_eq!(listed(b"777 x", 20), None);
        assert_eq!(listed(b"70000 x\0aaaaaaaaaaaaaaaaaaaa", 20), None);
    }
}
