//! The daemon: owns the servers, netlink and the store; answers the API; converges to the last applied site at start.

pub mod api;
mod blobs;
mod bundle;
mod confirm;
mod draft;
mod drift;
mod fault;
mod fight;
mod history;
mod hold;
mod lease;
mod meaning;
mod mend;
mod order;
mod privileges;
mod reconcile;
mod record;
mod serve;
mod start;
mod status;
mod turn;
mod who;

pub use api::SocketError;
pub use bundle::{Bundle, Content, FORMAT_VERSION as BUNDLE_VERSION};
pub use confirm::{Unconfirmed, WITHIN};
pub use draft::Planned;
pub use drift::{Departure, Drift, ENDED, Ended, TOLD, Waits};
pub use fault::plan as plan_fault;
pub use fight::Tries;
pub use history::{Cause, ENTRIES, Entry, Fate, OWN_ENTRIES, Past, STATES};
pub use hold::{Hold, REASON_BYTES};
pub use lease::{LeaseFilter, LeaseRow, StateFilter, StateFilterError};
pub use serve::{ServeError, Settings, serve};
pub use status::{ListenerRow, Status};
pub use turn::UnderWay;
pub use who::{Who, now};
