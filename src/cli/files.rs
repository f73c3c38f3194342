//! The files of a site on disk. Nothing outside the site folder is read, whatever the paths and the symbolic links in it say.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::digest::{Digest, Digester};
use crate::base::limit;
use crate::lang::files::{Entry, FileError, Files};

/// The folder of a site.
#[derive(Debug, Clone)]
pub struct DiskFiles {
    /// Without symbolic links, so that what leaves it can be told.
    folder: PathBuf,
}

impl DiskFiles {
    /// # Errors
    /// [`FileError`] where `folder` is no folder that can be read.
    pub fn open(folder: &Path) -> Result<Self, FileError> {
        let shown = folder.display().to_string();
        let folder = fs::canonicalize(folder).map_err(|error| fault(&shown, error))?;
        Ok(Self { folder })
    }

    /// Where a path of the site lies; it exists, and in the site folder.
    fn locate(&self, path: &str) -> Result<PathBuf, FileError> {
        let whole = self.folder.join(path);
        let whole = fs::canonicalize(whole).map_err(|error| fault(path, error))?;
        if whole.starts_with(&self.folder) {
            Ok(whole)
        } else {
            Err(FileError::Outside {
                path: path.to_owned(),
            })
        }
    }

    /// Opens a regular file: a pipe or a device might never end.
    fn file(&self, path: &str) -> Result<(File, u64), FileError> {
        let whole = self.locate(path)?;
        let about = fs::metadata(&whole).map_err(|error| fault(path, error))?;
        if !about.is_file() {
            return Err(FileError::NotAFile {
                path: path.to_owned(),
            });
        }
        let file = File::open(&whole).map_err(|error| fault(path, error))?;
        Ok((file, about.len()))
    }

    /// Gives a file a content, all of it or none: whoever reads meanwhile, or after a crash, finds the old or the new one.
    /// Behind a symbolic link the file that it leads to is changed, and the link stays. A file that is not there is made.
    ///
    /// `before` is what the file held when it was read, none where it was not there. What someone else wrote since is kept.
    ///
    /// # Errors
    /// [`FileError`]; the file is then as it was.
    pub fn replace(
        &self,
        path: &str,
        before: Option<&[u8]>,
        content: &[u8],
    ) -> Result<(), FileError> {
        let whole = match self.locate(path) {
            // Below the site folder by its own name, whatever that is.
            Err(FileError::Missing { .. }) if !path.contains('/') => self.vacant(path)?,
            found => found?,
        };
        let replaced = replace(&whole, before, content);
        let path = path.to_owned();
        match replaced {
            Ok(true) => Ok(()),
            Ok(false) => Err(FileError::Changed { path }),
            Err(error) => Err(FileError::Write {
                path,
                source: Arc::new(error),
            }),
        }
    }

    /// Where a file can be made: a link that leads nowhere is something, and would be lost.
    fn vacant(&self, name: &str) -> Result<PathBuf, FileError> {
        let whole = self.folder.join(name);
        match fs::symlink_metadata(&whole) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(whole),
            Err(error) => Err(fault(name, error)),
            Ok(_) => Err(FileError::Dangling {
                path: name.to_owned(),
            }),
        }
    }
}

/// Whether the file still held what it held `before`, and was replaced.
fn replace(whole: &Path, before: Option<&[u8]>, content: &[u8]) -> io::Result<bool> {
    let name = whole.file_name().unwrap_or_default().to_string_lossy();
    let temporary = whole.with_file_name(format!(".{name}.{}.new", std::process::id()));
    let swap = || {
        write_like(whole, &temporary, content)?;
        // The last look: what remains is the moment between two system calls.
        let is_same = holds(whole, before)?;
        if is_same {
            fs::rename(&temporary, whole)?;
        }
        Ok(is_same)
    };
    let swapped = swap();
    if !matches!(swapped, Ok(true)) {
        // What failed is worth telling; that this does too adds nothing.
        let _ = fs::remove_file(&temporary);
    }
    swapped
}

fn holds(whole: &Path, content: Option<&[u8]>) -> io::Result<bool> {
    match fs::read(whole) {
        Ok(bytes) => Ok(content == Some(bytes.as_slice())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(content.is_none()),
        Err(error) => Err(error),
    }
}

/// Writes a new file that has the owner and the permissions of another one, where there is one.
fn write_like(model: &Path, new: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let about = match fs::metadata(model) {
        Ok(about) => about,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut file = options.open(new)?;
            return file.write_all(content).and_then(|()| file.sync_all());
        }
        Err(error) => return Err(error),
    };
    // Nobody else may read it before it has its own permissions.
    let mut file = options.mode(0o600).open(new)?;
    file.write_all(content)?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (about.uid(), about.gid()) {
        match fchown(&file, Some(about.uid()), Some(about.gid())) {
            // Whoever may write in a folder by its group alone can give nothing away: the group, where that is allowed, has to do.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let _ = fchown(&file, None, Some(about.gid()));
            }
            given => given?,
        }
    }
    file.set_permissions(about.permissions())?;
    file.sync_all()
}

impl Files for DiskFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, FileError> {
        let (file, _) = self.file(path)?;
        let mut bytes = Vec::new();
        let most = limit::SOURCE_BYTES as u64;
        file.take(most + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| fault(path, error))?;
        if bytes.len() > limit::SOURCE_BYTES {
            return Err(FileError::TooLarge {
                path: path.to_owned(),
                size: bytes.len() as u64,
            });
        }
        Ok(bytes)
    }

    fn folder(&self, path: &str) -> Result<Vec<Entry>, FileError> {
        let whole = self.locate(path)?;
        let listing = fs::read_dir(whole).map_err(|error| fault(path, error))?;
        let mut entries = Vec::new();
        for entry in listing {
            let entry = entry.map_err(|error| fault(path, error))?;
            // A name that is not UTF-8 cannot be written in a site file.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let is_folder = fs::metadata(entry.path()).is_ok_and(|about| about.is_dir());
            entries.push(Entry { name, is_folder });
        }
        entries.sort();
        Ok(entries)
    }

    fn digest(&self, path: &str) -> Result<(Digest, u64), FileError> {
        let (mut file, _) = self.file(path)?;
        let mut digester = Digester::default();
        let size = io::copy(&mut file, &mut digester).map_err(|error| fault(path, error))?;
        Ok((digester.finish(), size))
    }
}

fn fault(path: &str, error: io::Error) -> FileError {
    let path = path.to_owned();
    let kind = error.kind();
    if kind == ErrorKind::NotFound {
        FileError::Missing { path }
    } else if matches!(kind, ErrorKind::NotADirectory | ErrorKind::IsADirectory) {
        FileError::NotAFile { path }
    } else {
        FileError::Read {
            path,
            source: Arc::new(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn nothing_outside_the_folder_is_read() {
        let root = tempfile::tempdir().unwrap();
        let site = root.path().join("site");
        fs::create_dir_all(site.join("boot")).unwrap();
        fs::write(root.path().join("secret"), "x").unwrap();
        fs::write(site.join("site.kdl"), "site").unwrap();
        symlink("../secret", site.join("link")).unwrap();
        symlink("site.kdl", site.join("inner")).unwrap();
        let files = DiskFiles::open(&site).unwrap();

        assert_eq!(files.read("site.kdl").unwrap(), b"site");
        assert_eq!(files.read("inner").unwrap(), b"site");
        assert_eq!(files.digest("site.kdl").unwrap(), (Digest::of(b"site"), 4));
        for path in ["link", "../secret"] {
            assert!(
                matches!(files.read(path), Err(FileError::Outside { .. })),
                "{path}"
            );
        }
        assert!(matches!(files.read("no"), Err(FileError::Missing { .. })));
        assert!(matches!(
            files.read("boot"),
            Err(FileError::NotAFile { .. })
        ));
        let names: Vec<_> = files.folder("").unwrap();
        let names: Vec<_> = names.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["boot", "inner", "link", "site.kdl"]);
    }

    #[test]
    fn a_file_is_replaced_where_it_lies_and_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        let site = root.path().join("site");
        fs::create_dir_all(site.join("more")).unwrap();
        fs::write(site.join("more/real.kdl"), "old").unwrap();
        fs::write(root.path().join("outer.kdl"), "old").unwrap();
        let mode = fs::Permissions::from_mode(0o640);
        fs::set_permissions(site.join("more/real.kdl"), mode).unwrap();
        symlink("more/real.kdl", site.join("link.kdl")).unwrap();
        symlink("../outer.kdl", site.join("outer.kdl")).unwrap();
        let files = DiskFiles::open(&site).unwrap();

        files.replace("link.kdl", Some(b"old"), b"new").unwrap();
        assert!(
            fs::symlink_metadata(site.join("link.kdl"))
                .unwrap()
                .is_symlink()
        );
        assert_eq!(fs::read(site.join("more/real.kdl")).unwrap(), b"new");
        let about = fs::metadata(site.join("more/real.kdl")).unwrap();
        assert_eq!(about.permissions().mode() & 0o777, 0o640);
        let outside = files.replace("outer.kdl", Some(b"old"), b"new");
        assert!(matches!(outside, Err(FileError::Outside { .. })));
        assert_eq!(fs::read(root.path().join("outer.kdl")).unwrap(), b"old");
        assert_eq!(
            fs::read_dir(site.join("more")).unwrap().count(),
            1,
            "nothing is left over"
        );
    }

    #[test]
    fn what_others_wrote_meanwhile_and_links_to_nowhere_are_kept() {
        let site = tempfile::tempdir().unwrap();
        fs::write(site.path().join("a.kdl"), "saved since").unwrap();
        symlink("gone.lock", site.path().join("b.lock")).unwrap();
        let files = DiskFiles::open(site.path()).unwrap();
        let read = |name: &str| fs::read_to_string(site.path().join(name)).unwrap();

        for before in [Some(&b"old"[..]), None] {
            let changed = files.replace("a.kdl", before, b"new");
            assert!(matches!(changed, Err(FileError::Changed { .. })));
            assert_eq!(read("a.kdl"), "saved since");
        }
        let gone = files.replace("c.lock", Some(b"old"), b"new");
        assert!(matches!(gone, Err(FileError::Changed { .. })));
        for before in [Some(&b"old"[..]), None] {
            let dangling = files.replace("b.lock", before, b"new");
            assert!(matches!(dangling, Err(FileError::Dangling { .. })));
        }
        let link = fs::read_link(site.path().join("b.lock")).unwrap();
        assert_eq!(link, Path::new("gone.lock"));
        let names = fs::read_dir(site.path()).unwrap();
        assert_eq!(
            names.count(),
            2,
            "nothing is made, and nothing is left over"
        );

        files
            .replace("a.kdl", Some(b"saved since"), b"new")
            .unwrap();
        files.replace("c.lock", None, b"new").unwrap();
        assert_eq!(
            (read("a.kdl"), read("c.lock")),
            ("new".into(), "new".into())
        );
    }
}
