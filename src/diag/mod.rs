//! Faults and how they look. Knows where a fault lies and what its code means, never how it was found.

pub mod code;
pub mod fault;
pub mod mask;
pub mod render;
pub mod report;
pub mod sarif;
mod snippet;
pub mod span;
pub mod suggest;
