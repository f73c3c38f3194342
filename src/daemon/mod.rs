//! The daemon: owns the servers, netlink and the store; answers the API; converges to the last applied site at start.

pub mod api;
mod blobs;
mod bundle;
mod fault;
mod meaning;
mod privileges;
mod reconcile;
mod record;
mod serve;
mod start;
mod status;

pub use bundle::{Bundle, Content, FORMAT_VERSION as BUNDLE_VERSION};
pub use reconcile::Planned;
pub use serve::{ServeError, Settings, serve};
pub use status::{LeaseRow, ListenerRow, Status};
