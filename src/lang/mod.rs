//! KDL text to typed, spanned nodes: every fault is reported, none is thrown. Does no I/O of its own.

pub mod edit;
mod export;
pub mod files;
mod format;
mod glob;
mod kdl;
mod lock;
pub mod node;
mod parsed;
mod read;
mod remedy;
mod schema;
mod secret;
mod shape;
mod slot;
pub mod source;
mod syntax;
mod table;
mod value;

pub use export::{json_schema, reference};
pub use format::format;
pub use lock::{LockEntry, LockNode, ROOT, lock_path};
pub use slot::{Gaps, Slot};
pub use syntax::syntax;
