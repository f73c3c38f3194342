//! What is shared by those who ask over HTTPS: whom they trust, a line that stays open, and how long to leave a server alone. Must not
//! know what is asked.

mod line;
mod trust;

pub use line::{Line, retry_after};
pub use trust::{Trust, TrustError};
