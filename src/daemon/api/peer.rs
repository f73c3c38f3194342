//! Who may ask: root, the daemon's own user, and members of the group `bedplate` (SO_PEERCRED).

use std::ffi::CString;

use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::serve::IncomingStream;
use nix::unistd::{Gid, Group, Uid, User, geteuid, getgrouplist};
use tokio::net::UnixListener;

use super::Context;
use super::routes::Answer;
use crate::daemon::who::Who;
use crate::diag::code::Code;
use crate::diag::fault::Fault;

/// The group whose members may use the daemon.
pub(super) const GROUP: &str = "bedplate";

/// The process at the other end, as the kernel knows it; none where the kernel did not say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    user: Option<(Uid, Gid)>,
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let credentials = stream.io().peer_cred().ok();
        Self {
            user: credentials.map(|peer| (Uid::from_raw(peer.uid()), Gid::from_raw(peer.gid()))),
        }
    }
}

/// Who is let in.
#[derive(Debug, Clone)]
pub(in crate::daemon) struct Admission {
    owner: Uid,
    group: Option<Gid>,
}

impl Admission {
    /// The rule for this process and host.
    pub(in crate::daemon) fn here() -> Self {
        let group = Group::from_name(GROUP)
            .ok()
            .flatten()
            .map(|group| group.gid);
        Self {
            owner: geteuid(),
            group,
        }
    }

    fn admits(&self, peer: Peer) -> bool {
        let Some((user, own_group)) = peer.user else {
            return false;
        };
        user.is_root()
            || user == self.owner
            || self
                .group
                .is_some_and(|group| group == own_group || is_member(user, own_group, group))
    }
}

fn is_member(user: Uid, own_group: Gid, group: Gid) -> bool {
    let Ok(Some(user)) = User::from_uid(user) else {
        return false;
    };
    let Ok(name) = CString::new(user.name) else {
        return false;
    };
    getgrouplist(&name, own_group).is_ok_and(|groups| groups.contains(&group))
}

/// Who asks, for what is remembered of it.
pub(super) struct Asker(pub(super) Who);

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Answer<()>;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<Peer>>();
        let user = peer.and_then(|ConnectInfo(peer)| peer.user);
        let (user, _) = user.ok_or_else(refused)?;
        Ok(Self(Who::of(user)))
    }
}

/// Turns away whoever is not let in.
pub(super) async fn check(
    State(context): State<Context>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Response {
    if context.admission.admits(peer) {
        return next.run(request).await;
    }
    refused().into_response()
}

fn refused() -> Answer<()> {
    let fault = Fault::new(Code::PeerRefused, "the daemon refused this user")
        .help("run as root, or join the group `bedplate`");
    Answer::Fault(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_the_owner_and_the_group_come_in() {
        let admission = Admission {
            owner: Uid::from_raw(700),
            group: Some(Gid::from_raw(800)),
        };
        let peer = |user, group| Peer {
            user: Some((Uid::from_raw(user), Gid::from_raw(group))),
        };
        let cases = [
            (peer(0, 0), true),
            (peer(700, 1), true),
            (peer(4_000_000, 800), true),
            (peer(4_000_000, 1), false),
            (Peer { user: None }, false),
        ];
        for (peer, expected) in cases {
            assert_eq!(admission.admits(peer), expected, "{peer:?}");
        }
    }
}
