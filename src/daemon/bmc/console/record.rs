//! Recordings of consoles: what machines showed, and never what was typed, since passwords are. Files in the daemon's state folder that
//! only its user reads, in the format of asciinema (asciicast v2), cut in parts so that the oldest can go.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use super::text::Decoder;
use crate::base::moment::Moment;
use crate::base::name::HostName;
use crate::daemon::who::Who;

/// How long recordings are kept.
pub const RECORDING_DAYS: u64 = 30;

/// How much of one machine is kept: the newest.
pub const RECORDING_MACHINE_BYTES: u64 = 16 << 20;

/// How much is kept of all machines together.
pub const RECORDING_BYTES: u64 = 1 << 30;

/// A part of a recording is not much longer.
const PART: u64 = 1 << 20;

/// The terminal that a recording is for: what a serial line is taken to be.
const TERMINAL: (u32, u32) = (80, 24);

/// Recordings that the daemon keeps, in a folder with one for each machine.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Recordings {
    folder: PathBuf,
    /// Whoever makes a folder or removes one does so alone.
    turn: Arc<Mutex<()>>,
}

/// How a part begins (asciicast v2, "Header").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingHeader {
    pub version: u32,
    pub width: u32,
    pub height: u32,
    /// When the recording began.
    pub timestamp: u64,
    pub title: String,
    /// Who sat at the console.
    pub by: String,
}

/// A part of a recording as a file. Parts are ordered by recording, then as they were written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) recording: u64,
    number: u64,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) changed: SystemTime,
}

/// One that is being made.
pub(super) struct Recorder {
    recordings: Recordings,
    folder: PathBuf,
    pub(super) recording: u64,
    header: RecordingHeader,
    part: u64,
    file: File,
    written: u64,
    began: Instant,
    decoder: Decoder,
}

impl Recordings {
    pub(in crate::daemon) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            turn: Arc::default(),
        }
    }

    /// Begins one.
    pub(super) fn begin(&self, machine: &HostName, who: &Who, now: Moment) -> io::Result<Recorder> {
        self.prune(SystemTime::now());
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.folder.join(machine.as_str());
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        let recording = parts(&folder).last().map_or(1, |part| part.recording + 1);
        let header = RecordingHeader {
            version: 2,
            width: TERMINAL.0,
            height: TERMINAL.1,
            timestamp: now.0,
            title: format!("console of {machine}"),
            by: who.to_string(),
        };
        let (file, written) = open(&folder, recording, 0, &header)?;
        Ok(Recorder {
            recordings: self.clone(),
            folder,
            recording,
            header,
            part: 0,
            file,
            written,
            began: Instant::now(),
            decoder: Decoder::default(),
        })
    }

    /// The parts of a machine's recordings, the oldest first.
    pub(super) fn parts(&self, machine: &HostName) -> Vec<Part> {
        parts(&self.folder.join(machine.as_str()))
    }

    /// Lets go what is too old or too much. What cannot be removed stays, and is tried again the next time.
    pub(in crate::daemon) fn prune(&self, now: SystemTime) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let age = Duration::from_secs(RECORDING_DAYS * 24 * 3600);
        let is_old = |part: &Part| {
            let since = now.duration_since(part.changed);
            since.is_ok_and(|since| since > age)
        };
        let mut all = Vec::new();
        for folder in entries(&self.folder).filter(|path| path.is_dir()) {
            let (old, kept) = parts(&folder).into_iter().partition::<Vec<_>, _>(is_old);
            let (excess, kept) = beyond(kept, RECORDING_MACHINE_BYTES);
            old.iter().chain(&excess).for_each(remove);
            // Goes only once nothing is in it.
            let _holds_more = fs::remove_dir(&folder);
            all.extend(kept);
        }
        all.sort_by_key(|part| part.changed);
        let (excess, _) = beyond(all, RECORDING_BYTES);
        excess.iter().for_each(remove);
    }
}

impl Recorder {
    /// Adds what the machine showed. Told from a thread that may wait for a disk.
    pub(super) fn add(&mut self, shown: &[u8]) -> io::Result<()> {
        let text = self.decoder.text(shown);
        if text.is_empty() {
            return Ok(());
        }
        if self.written >= PART {
            self.part += 1;
            (self.file, self.written) =
                open(&self.folder, self.recording, self.part, &self.header)?;
            self.recordings.prune(SystemTime::now());
        }
        let at = self.began.elapsed().as_secs_f64();
        let line = serde_json::to_string(&(at, "o", text))? + "\n";
        self.file.write_all(line.as_bytes())?;
        self.written += line.len() as u64;
        Ok(())
    }
}

/// Those that are more than `most` bytes, the first first, and the rest.
fn beyond(parts: Vec<Part>, most: u64) -> (Vec<Part>, Vec<Part>) {
    let mut left: u64 = parts.iter().map(|part| part.bytes).sum();
    parts.into_iter().partition(|part| {
        let is_excess = left > most;
        left -= part.bytes;
        is_excess
    })
}

fn remove(part: &Part) {
    if let Err(error) = fs::remove_file(&part.path) {
        tracing::warn!(%error, path = %part.path.display(), "an old recording is not removed");
    }
}

fn open(
    folder: &Path,
    recording: u64,
    part: u64,
    header: &RecordingHeader,
) -> io::Result<(File, u64)> {
    let path = folder.join(format!("{recording:06}-{part:04}.cast"));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    let line = serde_json::to_string(header)? + "\n";
    file.write_all(line.as_bytes())?;
    Ok((file, line.len() as u64))
}

fn parts(folder: &Path) -> Vec<Part> {
    let part = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".cast")?;
        let (recording, number) = name.split_once('-')?;
        let data = fs::symlink_metadata(&path).ok()?;
        data.is_file().then_some(Part {
            recording: recording.parse().ok()?,
            number: number.parse().ok()?,
            bytes: data.len(),
            changed: data.modified().ok()?,
            path,
        })
    };
    let mut parts: Vec<Part> = entries(folder).filter_map(part).collect();
    parts.sort();
    parts
}

/// What a folder holds; nothing where there is none.
fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let read = fs::read_dir(folder).ok();
    read.into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn who() -> Who {
        Who {
            uid: 1000,
            name: Some("ada".to_owned()),
        }
    }

    #[test]
    fn recordings_are_private_and_hold_what_was_shown() {
        let folder = tempfile::tempdir().unwrap();
        let recordings = Recordings::new(folder.path().join("consoles"));
        let machine: HostName = "node-01".parse().unwrap();
        let mut first = recordings.begin(&machine, &who(), Moment(5)).unwrap();
        first.add("grüße\r\n".as_bytes()).unwrap();
        let second = recordings.begin(&machine, &who(), Moment(6)).unwrap();
        assert_eq!((first.recording, second.recording), (1, 2));
        let parts = recordings.parts(&machine);
        assert_eq!(parts.len(), 2);
        let text = fs::read_to_string(&parts[0].path).unwrap();
        let (header, event) = text.split_once('\n').unwrap();
        let header: RecordingHeader = serde_json::from_str(header).unwrap();
        assert_eq!((header.version, header.timestamp), (2, 5));
        assert_eq!(header.by, "ada (uid 1000)");
        let (_, kind, shown): (f64, String, String) = serde_json::from_str(event).unwrap();
        assert_eq!((kind.as_str(), shown.as_str()), ("o", "grüße\r\n"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&parts[0].path), 0o600);
        assert_eq!(mode(parts[0].path.parent().unwrap()), 0o700);
        assert_eq!(mode(&folder.path().join("consoles")), 0o700);
    }

    #[test]
    fn the_oldest_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let recordings = Recordings::new(folder.path().to_owned());
        let machine: HostName = "node-01".parse().unwrap();
        let mut recorder = recordings.begin(&machine, &who(), Moment(5)).unwrap();
        // More than is kept of one machine.
        let text = vec![b'x'; usize::try_from(PART).unwrap()];
        for _ in 0..RECORDING_MACHINE_BYTES / PART + 3 {
            recorder.add(&text).unwrap();
        }
        let parts = recordings.parts(&machine);
        let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
        assert!(bytes <= RECORDING_MACHINE_BYTES + 2 * PART, "{bytes}");
        assert!(parts[0].number > 0, "{parts:?}");
        // Once it is too old, nothing of it is left.
        let later = SystemTime::now() + Duration::from_secs((RECORDING_DAYS + 1) * 24 * 3600);
        recordings.prune(later);
        assert_eq!(recordings.parts(&machine), []);
        assert!(!folder.path().join("node-01").exists());
    }
}
