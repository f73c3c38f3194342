//! The event log.

use tokio::time::{Instant, sleep};

use super::super::codec::sel::{
    ERASE, FIRST, HOW_FAR, LAST, LogInfo, clear, entry, is_cleared, wanted,
};
use super::super::codec::{Command, Completion};
use super::super::error::IpmiError;
use super::Session;
use crate::base::bmc::LogEntry;

/// How many entries are told at once.
const PAGE: usize = 256;

/// How often a reservation may be lost to events that come while the log is cleared.
const RESERVATIONS: usize = 8;

/// Some entries of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    pub entries: Vec<LogEntry>,
    /// Where the next page begins; none at the log's end.
    pub next: Option<u16>,
}

impl Session {
    /// How full the log is.
    pub async fn log_info(&mut self) -> Result<LogInfo, IpmiError> {
        let data = self.request(Command::SEL_INFO, &[]).await?;
        LogInfo::read(&data).ok_or(IpmiError::Malformed("the log's state"))
    }

    /// Entries of the log in the order in which they came: from its begin, or from where a page said that the next one begins.
    pub async fn log(&mut self, from: Option<u16>) -> Result<LogPage, IpmiError> {
        // For the names of sensors.
        let sensors = self.records_if_any().await?.sensors.clone();
        let mut page = LogPage {
            entries: Vec::new(),
            next: Some(from.unwrap_or(FIRST)),
        };
        while let Some(number) = page.next.filter(|_| page.entries.len() < PAGE) {
            let answered = self.answer(Command::SEL_ENTRY, 0, &wanted(number)).await?;
            if answered.completion == Completion::NOT_PRESENT {
                page.next = None; // an empty log, or one that was cleared meanwhile
                break;
            }
            let data = answered.done(Command::SEL_ENTRY)?;
            let (next, entry) =
                entry(&data, &sensors).ok_or(IpmiError::Malformed("an entry of the log"))?;
            page.entries.push(entry);
            page.next = (next != LAST && next != number).then_some(next);
        }
        Ok(page)
    }

    /// Clears the log, and waits until the BMC says that it is done.
    pub async fn clear_log(&mut self) -> Result<(), IpmiError> {
        let mut reservation = self.reserve(Command::RESERVE_SEL).await?;
        let (mut what, mut left) = (ERASE, RESERVATIONS);
        let (end, mut pauses) = (Instant::now() + self.patience.total, self.patience.pauses());
        loop {
            let data = clear(reservation, what);
            let answered = self.answer(Command::CLEAR_SEL, 0, &data).await?;
            if answered.completion == Completion::RESERVATION_LOST && left > 0 {
                left -= 1;
                reservation = self.reserve(Command::RESERVE_SEL).await?;
                continue;
            }
            let data = answered.done(Command::CLEAR_SEL)?;
            if is_cleared(&data).ok_or(IpmiError::Malformed("how far the log is cleared"))? {
                return Ok(());
            }
            let pause = pauses.next().unwrap_or(self.patience.first);
            if Instant::now() + pause > end {
                return Err(IpmiError::Unconfirmed {
                    command: Command::CLEAR_SEL,
                });
            }
            sleep(pause).await;
            what = HOW_FAR;
        }
    }
}
