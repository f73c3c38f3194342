//! What happens around the daemon without its doing: seen here, never changed.

mod drift;

pub use drift::Changes;
