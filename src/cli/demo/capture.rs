//! Writes what crosses the machines' wires to a file that tcpdump and Wireshark read (classic pcap, Ethernet).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, setsockopt, socket,
    sockopt,
};
use nix::unistd::pipe;

/// The longest frame: segmentation is left to a network card that does not exist, so frames of 64 KiB pass whole.
const FRAME_BYTES: usize = 0x1_0000 + 64;

/// Room for frames that are not written yet.
const QUEUE_BYTES: usize = 8 * 1024 * 1024;

/// The file's header: magic number, version 2.4, no offset, whole frames, Ethernet.
const HEADER: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, FRAME_BYTES as u32, 1];

/// Why there is no capture.
#[derive(Debug, thiserror::Error)]
pub(super) enum CaptureError {
    #[error("cannot write the capture {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot listen to the wires")]
    Socket(#[from] Errno),
    #[error("the capture broke off")]
    Thread,
}

/// A capture under way; it ends with [`Capture::finish`].
pub(super) struct Capture {
    writer: JoinHandle<Result<u64, CaptureError>>,
    /// Closing it tells the writer to end.
    stop: OwnedFd,
}

impl Capture {
    /// Begins to write what passes the links with these numbers, in both directions.
    pub(super) fn start(path: &Path, links: BTreeSet<u32>) -> Result<Self, CaptureError> {
        let mut file = PcapFile::create(path)?;
        let wire = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            SockProtocol::EthAll,
        )?;
        setsockopt(&wire, sockopt::RcvBufForce, &QUEUE_BYTES)
            .or_else(|_| setsockopt(&wire, sockopt::RcvBuf, &QUEUE_BYTES))?;
        let (told, stop) = pipe()?;
        let writer = thread::spawn(move || {
            loop {
                let mut waiting = [
                    PollFd::new(wire.as_fd(), PollFlags::POLLIN),
                    PollFd::new(told.as_fd(), PollFlags::POLLIN),
                ];
                poll(&mut waiting, PollTimeout::NONE)?;
                let is_last = waiting.last().and_then(PollFd::any).unwrap_or_default();
                // What passed before the end was told lies in the socket's queue by now.
                file.drain(&wire, &links)?;
                if is_last {
                    return file.finish();
                }
            }
        });
        Ok(Self { writer, stop })
    }

    /// Ends the capture; how many frames it holds.
    pub(super) fn finish(self) -> Result<u64, CaptureError> {
        drop(self.stop);
        self.writer.join().map_err(|_| CaptureError::Thread)?
    }
}

struct PcapFile {
    path: PathBuf,
    file: BufWriter<File>,
    frames: u64,
}

impl PcapFile {
    fn create(path: &Path) -> Result<Self, CaptureError> {
        let fault = |source| CaptureError::Write {
            path: path.to_owned(),
            source,
        };
        let mut file = BufWriter::new(File::create(path).map_err(fault)?);
        let header = HEADER.map(u32::to_le_bytes).concat();
        file.write_all(&header).map_err(fault)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            frames: 0,
        })
    }

    /// Writes every frame that waits.
    fn drain(&mut self, wire: &OwnedFd, links: &BTreeSet<u32>) -> Result<(), CaptureError> {
        let mut buffer = vec![0; FRAME_BYTES];
        loop {
            let (length, from) = match recvfrom::<LinkAddr>(wire.as_raw_fd(), &mut buffer) {
                Ok(received) => received,
                Err(Errno::EAGAIN) => return Ok(()),
                // A link that goes down says so once on every socket that listens to it.
                Err(Errno::EINTR | Errno::ENETDOWN) => continue,
                Err(errno) => return Err(errno.into()),
            };
            let link = from.and_then(|from| u32::try_from(from.ifindex()).ok());
            if link.is_some_and(|link| links.contains(&link)) {
                let frame = buffer.get(..length).unwrap_or_default();
                self.frame(frame).map_err(|source| CaptureError::Write {
                    path: self.path.clone(),
                    source,
                })?;
            }
        }
    }

    fn frame(&mut self, frame: &[u8]) -> io::Result<()> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        // The format has 32 bits for seconds, and they suffice until 2106.
        let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        let head = [seconds, now.subsec_micros(), length, length];
        self.file.write_all(&head.map(u32::to_le_bytes).concat())?;
        self.file.write_all(frame)?;
        self.frames += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<u64, CaptureError> {
        self.file.flush().map_err(|source| CaptureError::Write {
            path: self.path.clone(),
            source,
        })?;
        Ok(self.frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_form_that_readers_know() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pcap");
        let mut file = PcapFile::create(&path).unwrap();
        file.frame(&[7; 60]).unwrap();
        assert_eq!(file.finish().unwrap(), 1);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 24 + 16 + 60);
        assert_eq!(bytes[..8], [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]);
        assert_eq!(bytes[32..40], [60, 0, 0, 0, 60, 0, 0, 0]);
        assert!(bytes.ends_with(&[7; 60]));
    }
}
