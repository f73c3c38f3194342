//! KDL text to typed, spanned nodes: every fault is reported, none is thrown. The only user of the kdl crate; does no I/O of its own.

mod export;
mod glob;
pub mod node;
mod parse;
mod read;
mod scan;
mod schema;
mod slot;
pub mod source;
mod value;

pub use export::{json_schema, reference};
pub use slot::{Gaps, Slot};
