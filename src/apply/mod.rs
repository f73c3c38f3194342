//! Runs a plan against any world: execute in order, verify by observing again, undo on failure. Decides nothing that the plan left open.

mod beside;
mod machines;
mod reach;
mod report;
mod rollback;
mod run;
mod verify;

pub use beside::beside;
pub use report::{Event, Failure, Outcome, Report};
pub use rollback::take_back;
pub use run::{ApplyError, run};
