//! The order of things that makes a group durable once and for all: the journal first, the tables when it is full.
//! Must not know threads, nor what the tables are.

use std::io;

use super::journal::{Changes, Journal, Segment};

/// Where changes are kept for good, and where readers find those that are not there yet.
pub(super) trait Tables {
    /// Shows readers what is durable.
    fn publish(&mut self, changes: Changes);

    /// Sets apart what was published until now, and begins to write it to the tables.
    fn begin_checkpoint(&mut self);

    /// Waits until what was set apart is in the tables; where that failed, tries once more.
    ///
    /// # Errors
    /// Where the disk fails or is full. What was set apart remains so, and is readable.
    fn finish_checkpoint(&mut self) -> io::Result<()>;
}

pub(super) struct Writer<S, T> {
    journal: Journal<S>,
    tables: T,
    /// All records before this one are in the tables.
    stored: u64,
    /// The same, once the checkpoint that runs is finished.
    checkpoint: Option<u64>,
}

impl<S: Segment, T: Tables> Writer<S, T> {
    /// Goes on with a journal, and with what the tables may lack of it.
    pub(super) fn new(journal: Journal<S>, recovered: Changes, tables: T) -> Self {
        let mut writer = Self {
            stored: journal.stored(),
            journal,
            tables,
            checkpoint: None,
        };
        if !recovered.is_empty() {
            writer.tables.publish(recovered);
            writer.begin_checkpoint();
        }
        writer
    }

    /// Makes a group durable and visible, or neither.
    ///
    /// # Errors
    /// Where the disk fails or is full.
    pub(super) fn write(&mut self, changes: Changes) -> io::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        if !self.journal.fits(&changes) {
            self.switch()?;
        }
        if let Err(fault) = self.journal.append(&changes) {
            // The record may be on the disk: it is made void before anybody hears that it failed. Where that fails,
            // too, it is tried again before anything else is taken.
            let _ = self.switch();
            return Err(fault);
        }
        self.tables.publish(changes);
        Ok(())
    }

    /// Brings all into the tables, so that the next start has nothing to replay.
    ///
    /// # Errors
    /// Where the disk fails or is full; then the journal keeps what the tables lack.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.finish_checkpoint()?;
        let end = self.journal.sequence();
        if self.stored < end {
            self.begin_checkpoint();
            self.finish_checkpoint()?;
        }
        if self.journal.stored() < end || self.journal.is_broken() {
            self.journal.switch(end)?;
        }
        Ok(())
    }

    fn switch(&mut self) -> io::Result<()> {
        self.finish_checkpoint()?;
        self.journal.switch(self.stored)?;
        self.begin_checkpoint();
        Ok(())
    }

    fn begin_checkpoint(&mut self) {
        self.checkpoint = Some(self.journal.sequence());
        self.tables.begin_checkpoint();
    }

    fn finish_checkpoint(&mut self) -> io::Result<()> {
        let Some(stored) = self.checkpoint else {
            return Ok(());
        };
        self.tables.finish_checkpoint()?;
        self.checkpoint = None;
        self.stored = stored;
        Ok(())
    }
}

#[cfg(test)]
impl<S, T> Writer<S, T> {
    pub(super) fn parts(&self) -> (&Journal<S>, &T) {
        (&self.journal, &self.tables)
    }
}
