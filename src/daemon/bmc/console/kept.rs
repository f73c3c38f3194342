//! What is read of recordings.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::fault;
use super::record::{Part, RecordingHeader};
use crate::base::moment::Moment;
use crate::base::name::HostName;
use crate::daemon::bmc::Bmcs;
use crate::diag::fault::Fault;

/// Longest line that is read: a piece of console text is much shorter.
const LINE: u64 = 1 << 16;

/// Lines that wait for who reads them.
const WAITING: usize = 64;

/// One recording, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingRow {
    /// Its number, of this machine.
    pub number: u64,
    /// When it began, and when it was last written to.
    pub at: Moment,
    pub until: Moment,
    pub by: String,
    pub bytes: u64,
}

impl Bmcs {
    /// The recordings of a machine, the latest first. A machine that has some need not be in the site any more.
    ///
    /// # Errors
    /// For a machine of which nothing is known at all.
    pub(in crate::daemon) async fn recordings(
        &self,
        machine: HostName,
    ) -> Result<Vec<RecordingRow>, Fault> {
        let (recordings, name) = (self.recordings.clone(), machine.clone());
        let listed = spawn_blocking(move || {
            let parts = recordings.parts(&name);
            let mut rows: Vec<RecordingRow> = parts
                .chunk_by(|one, other| one.recording == other.recording)
                .filter_map(row)
                .collect();
            rows.reverse();
            rows
        });
        let rows = listed.await.map_err(|_| crate::daemon::fault::closing())?;
        let says = self.in_force.says().await?;
        match rows.is_empty() && !says.machines.contains_key(&machine) {
            true => Err(super::super::fault::no_machine(&machine, &says)),
            false => Ok(rows),
        }
    }

    /// The lines of a recording, its header first; of the latest, where no number is given.
    pub(in crate::daemon) async fn recording(
        &self,
        machine: HostName,
        number: Option<u64>,
    ) -> Result<mpsc::Receiver<Value>, Fault> {
        let (recordings, name) = (self.recordings.clone(), machine.clone());
        let listed = spawn_blocking(move || recordings.parts(&name)).await;
        let mut parts = listed.map_err(|_| crate::daemon::fault::closing())?;
        let wanted = number.or_else(|| parts.last().map(|part| part.recording));
        parts.retain(|part| Some(part.recording) == wanted);
        if parts.is_empty() {
            return Err(fault::no_recording(&machine, number));
        }
        let (tell, told) = mpsc::channel(WAITING);
        spawn_blocking(move || {
            for (index, part) in parts.iter().enumerate() {
                // One that is let go meanwhile is left out.
                let Ok(file) = File::open(&part.path) else {
                    continue;
                };
                // Of the headers the first is enough.
                for line in lines(file).skip(usize::from(index > 0)) {
                    if tell.blocking_send(line).is_err() {
                        return;
                    }
                }
            }
        });
        Ok(told)
    }
}

fn row(parts: &[Part]) -> Option<RecordingRow> {
    let (first, last) = (parts.first()?, parts.last()?);
    let header = lines(File::open(&first.path).ok()?).next()?;
    let header: RecordingHeader = serde_json::from_value(header).ok()?;
    let changed = last.changed.duration_since(UNIX_EPOCH).ok()?;
    Some(RecordingRow {
        number: first.recording,
        at: Moment(header.timestamp),
        until: Moment(changed.as_secs()),
        by: header.by,
        bytes: parts.iter().map(|part| part.bytes).sum(),
    })
}

/// The lines that can be read; one that is being written ends them.
fn lines(file: File) -> impl Iterator<Item = Value> {
    let mut file = BufReader::new(file);
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        file.by_ref().take(LINE).read_until(b'\n', &mut line).ok()?;
        serde_json::from_slice(&line).ok()
    })
}
