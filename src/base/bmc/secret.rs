//! Passwords and keys of BMCs.

use zeroize::Zeroizing;

/// A password or key. It can be neither printed nor serialised, and its bytes are wiped when it goes.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// For the one who proves it to a BMC, and nobody else.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
