//! What a transfer sends: a file read a piece at a time, or a text converted whole. Knows no packets.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use super::netascii;
use super::wire::Mode;
use crate::serve::files::StoredFile;

/// Content read ahead at a time, so that small blocks do not cost a read each.
const READ_AHEAD: u64 = 64 * 1024;

/// Largest file converted to netascii, which is meant for text.
const TEXT_OCTETS: u64 = 1024 * 1024;

/// The octets of one transfer; holds a window of them in memory.
pub(super) struct Content {
    file: Arc<File>,
    length: u64,
    held: Piece,
}

/// Consecutive octets of a file.
#[derive(Default)]
pub(super) struct Piece {
    from: u64,
    octets: Vec<u8>,
}

impl Content {
    /// Opens a file for a mode of transfer. Blocks on the disk.
    pub(super) fn open(stored: &StoredFile, mode: Mode) -> io::Result<Self> {
        let mut file = stored.open()?;
        let mut held = Piece::default();
        let length = match mode {
            Mode::Octet => stored.file.size,
            Mode::Netascii if stored.file.size <= TEXT_OCTETS => {
                let mut text = Vec::new();
                file.read_to_end(&mut text)?;
                held.octets = netascii::encode(&text);
                held.octets.len() as u64
            }
            Mode::Netascii => return Err(io::ErrorKind::FileTooLarge.into()),
            Mode::Unsupported => return Err(io::ErrorKind::Unsupported.into()),
        };
        Ok(Self {
            file: Arc::new(file),
            length,
            held,
        })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The octets from `from` up to `to`, where memory holds them; what lies past the end is left out.
    pub(super) fn held(&self, from: u64, to: u64) -> Option<&[u8]> {
        let index =
            |at: u64| usize::try_from(at.min(self.length).checked_sub(self.held.from)?).ok();
        self.held.octets.get(index(from)?..index(to)?)
    }

    /// Reads ahead, at least the octets from `from` up to `to`; the returned work blocks on the disk.
    pub(super) fn read_ahead(
        &self,
        from: u64,
        to: u64,
    ) -> impl FnOnce() -> io::Result<Piece> + Send + 'static {
        let to = to.max(from.saturating_add(READ_AHEAD)).min(self.length);
        let length = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
        let file = Arc::clone(&self.file);
        move || {
            let mut octets = vec![0; length];
            file.read_exact_at(&mut octets, from)?;
            Ok(Piece { from, octets })
        }
    }

    /// Holds what was read ahead, and nothing else.
    pub(super) fn hold(&mut self, piece: Piece) {
        self.held = piece;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Digest;
    use crate::state::BootFile;

    fn stored(folder: &tempfile::TempDir, content: &[u8]) -> StoredFile {
        let blob = folder.path().join("blob");
        std::fs::write(&blob, content).unwrap();
        let (digest, size) = (Digest::of(content), content.len() as u64);
        StoredFile {
            file: BootFile { digest, size },
            blob,
        }
    }

    #[test]
    fn windows_of_a_file_equal_its_octets() {
        let folder = tempfile::tempdir().unwrap();
        let octets: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        let mut content = Content::open(&stored(&folder, &octets), Mode::Octet).unwrap();
        for (from, to) in [
            (0, 512),
            (65_000, 70_000),
            (70_000, 199_999),
            (199_488, 300_000),
            (200_000, 200_512),
        ] {
            if content.held(from, to).is_none() {
                let piece = content.read_ahead(from, to)().unwrap();
                content.hold(piece);
            }
            let expected = &octets[from as usize..(to as usize).min(octets.len())];
            assert_eq!(content.held(from, to), Some(expected), "{from}-{to}");
        }
    }

    #[test]
    fn text_is_converted_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let content = Content::open(&stored(&folder, b"a\nb"), Mode::Netascii).unwrap();
        assert_eq!(content.held(0, 512), Some(b"a\r\nb".as_slice()));
        let long = vec![b'x'; TEXT_OCTETS as usize + 1];
        assert!(Content::open(&stored(&folder, &long), Mode::Netascii).is_err());
    }
}
