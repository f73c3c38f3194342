//! A file that holds one segment: allocated and written before it is used, so that a sync of a record need not
//! commit the file system's own journal.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::sys::statvfs::fstatvfs;

/// What the journal asks of a segment's file; on disk, or in memory where tests tear it.
pub(in crate::store) trait Segment: Sized {
    fn read(&self) -> io::Result<Vec<u8>>;

    fn len(&self) -> io::Result<u64>;

    fn resize(&mut self, len: u64) -> io::Result<()>;

    /// Bytes that are free where the file is.
    fn room(&self) -> io::Result<u64>;

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    fn sync(&mut self) -> io::Result<()>;
}

/// A segment on a disk, held against other processes.
pub(in crate::store) struct OnDisk(File);

impl OnDisk {
    pub(in crate::store) fn open(path: &Path) -> io::Result<Self> {
        let mut options = File::options();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::ResourceBusy.into()),
            Err(TryLockError::Error(fault)) => Err(fault),
        }
    }
}

impl Segment for OnDisk {
    fn read(&self) -> io::Result<Vec<u8>> {
        let len = usize::try_from(self.len()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; len];
        self.0.read_exact_at(&mut bytes, 0)?;
        // What is read at once is kept in large pages, in which small writes take longer. It is advice alone.
        let _ = posix_fadvise(&self.0, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
        Ok(bytes)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn resize(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn room(&self) -> io::Result<u64> {
        let there = fstatvfs(&self.0)?;
        Ok(there.blocks_available() * there.fragment_size())
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}
