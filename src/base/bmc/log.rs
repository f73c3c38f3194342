//! Entries of a BMC's event log.

use serde::{Deserialize, Serialize};

/// One entry: of IPMI's System Event Log, or of a Redfish log service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// As the BMC numbers it.
    pub id: String,
    /// Seconds of the wall clock, as the BMC's own clock has it; none where it was not set.
    pub at: Option<u64>,
    pub severity: Severity,
    /// What it is about: a sensor's or a part's name, where that is known.
    pub source: Option<String>,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}
