//! Conversations with the engine: who says what when, and what it hears.

use crate::support::{Ask, Rig, discover, select, site};

/// Runs conversations: seconds to wait, what is said, and what is heard.
pub(crate) fn check(name: &str, conversation: &[(u64, Ask, &str)]) {
    let mut rig = Rig::new(&site());
    for (step, (wait, said, heard)) in conversation.iter().enumerate() {
        rig.now += wait;
        assert_eq!(rig.said(said), *heard, "{name}, step {step}");
    }
}

/// A client with its lease: the two messages that every conversation begins with.
pub(crate) fn bound(last: u8, address: u8) -> [(u64, Ask, &'static str); 2] {
    let (offer, ack) = match address {
        10 => ("offer 10.0.0.10", "ack 10.0.0.10"),
        11 => ("offer 10.0.0.11", "ack 10.0.0.11"),
        12 => ("offer 10.0.0.12", "ack 10.0.0.12"),
        _ => ("offer 10.0.0.50", "ack 10.0.0.50"),
    };
    [(0, discover(last), offer), (0, select(last, address), ack)]
}
