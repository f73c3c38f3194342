//! The world behind one trait: live, or simulated in memory. Executes steps; decides nothing.

pub mod live;
mod sim;

use std::future::Future;

use crate::plan::Step;
use crate::state::{Key, Observation};

pub use sim::Sim;

/// A world that can be looked at and changed.
pub trait World: Send {
    /// Asks the real thing what is, never what was last sent to it.
    fn observe(&mut self) -> impl Future<Output = Result<Observation, WorldError>> + Send;

    /// Carries out the steps of one phase in order. Server steps are one swap, all or nothing; host steps are one message each.
    /// Every step is idempotent.
    fn execute(&mut self, group: &[Step]) -> impl Future<Output = Result<(), StepFailure>> + Send;
}

/// The step that failed, and why.
#[derive(Debug, thiserror::Error)]
#[error("{key} failed")]
pub struct StepFailure {
    /// Index in the group.
    pub at: usize,
    pub key: Box<Key>,
    #[source]
    pub error: WorldError,
}

/// Why the world could not be seen or changed.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    #[error("{key}: {needed} does not exist")]
    Missing { key: Box<Key>, needed: Box<Key> },
    #[error("{key}: this failure was asked for")]
    Injected { key: Box<Key> },
}
