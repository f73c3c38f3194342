//! What is shared by those who ask over HTTPS: whom they trust, a line that stays open, and how long to leave a server alone. Must not
//! know what is asked.

mod certificate;
mod der;
mod line;
mod tls;
mod trust;
mod verify;

pub use certificate::Certificate;
pub use line::{Line, retry_after};
pub use tls::{Tls, TlsError, presented};
pub use trust::{Trust, TrustError};
pub use verify::{Distrust, Trusted, TrustedError, distrust};
