//! The API: HTTP with JSON over a Unix socket, versioned in its paths. Knows requests and answers, not how they come about.

mod bindings;
mod bmc;
mod console;
mod dhcp;
mod events;
mod input;
mod ip;
mod keep;
mod peer;
mod routes;
mod stream;
mod why;

use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;
use nix::unistd::{Group, chown};
use tokio::net::UnixListener;
use tokio::sync::mpsc;

use super::blobs::Blobs;
use super::bmc::Bmcs;
use super::doing::Doings;
use super::in_force::InForce;
use super::reconcile::Request;
use super::turn::Turns;
use crate::base::name::HostName;
use crate::serve::dhcp::Server;

pub use keep::{Confirm, OnHold};
pub(super) use peer::Admission;
pub use routes::{Apply, Ask};

/// Version of the API, the first part of every path.
pub const VERSION: &str = "v1";

/// The header in which a client names the SSH session that it came by, as sshd does.
pub const SESSION: &str = "bedplate-session";

/// What the handlers share.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) controller: HostName,
    pub(super) requests: mpsc::Sender<Request>,
    /// Answers beside the owner of the world, who has no ear for anybody while it applies.
    pub(super) dhcp: Arc<Server>,
    pub(super) in_force: InForce,
    pub(super) bmcs: Bmcs,
    pub(super) blobs: Blobs,
    pub(super) turns: Turns,
    pub(super) doings: Doings,
    pub(super) admission: Admission,
}

/// Why the API's socket could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error("a daemon is answering on {path} already")]
    InUse { path: String },
    #[error("{path} is no socket")]
    NoSocket { path: String },
    #[error("cannot make the socket {path}")]
    Bind {
        path: String,
        #[source]
        source: std::io::Error,
    },
}

/// Makes the socket, mode 0660, group `bedplate` where the host has one. Comes before capabilities are dropped.
pub(super) fn bind(path: &Path) -> Result<std::os::unix::net::UnixListener, SocketError> {
    let fault = |source| SocketError::Bind {
        path: path.display().to_string(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fault)?;
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(SocketError::InUse {
            path: path.display().to_string(),
        });
    }
    // Only a socket that nobody answers may go; any other file is somebody's.
    match std::fs::symlink_metadata(path) {
        Ok(data) if data.file_type().is_socket() => std::fs::remove_file(path).map_err(fault)?,
        Ok(_) => {
            return Err(SocketError::NoSocket {
                path: path.display().to_string(),
            });
        }
        Err(_) => {}
    }
    let listener = std::os::unix::net::UnixListener::bind(path).map_err(fault)?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o660);
    std::fs::set_permissions(path, mode).map_err(fault)?;
    if let Ok(Some(group)) = Group::from_name(peer::GROUP) {
        match chown(path, None, Some(group.gid)) {
            // In a user namespace a group of the host may have no number (user_namespaces(7)); then only the owner comes in.
            Ok(()) | Err(Errno::EINVAL) => {}
            Err(errno) => return Err(fault(errno.into())),
        }
    }
    listener.set_nonblocking(true).map_err(fault)?;
    Ok(listener)
}

/// Answers until the process ends.
pub(super) async fn serve(listener: UnixListener, context: Context) -> std::io::Result<()> {
    let service = routes::router(context).into_make_service_with_connect_info::<peer::Peer>();
    axum::serve(listener, service).await
}
