//! Wires the daemon together: socket and privileges first, then store, servers and world, then the API.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::geteuid;
use tokio::net::UnixListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use super::api::{self, Admission, Context, SocketError};
use super::blobs::{BlobError, Blobs};
use super::bmc::Bmcs;
use super::hook::{self, Boards};
use super::mend::Mending;
use super::privileges::{drop_privileges, hide_memory};
use super::reconcile::{Reconciler, Request};
use super::record::Left;
use super::turn::{Turn, Turns, UnderWay};
use super::webhook;
use super::who::{Who, now};
use crate::base::name::HostName;
use crate::diag::fault::Fault;
use crate::store::{Embedded, StoreError};
use crate::watch::Changes;
use crate::world::{Live, WorldError};

/// Requests that wait while another is answered; more callers wait for room.
const QUEUE: usize = 64;

/// What the daemon is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The controller of the site that this host is.
    pub controller: HostName,
    /// Folder for leases, ownership, the applied site and boot files.
    pub state: PathBuf,
    pub socket: PathBuf,
    /// Whether to put back what others change of what is applied.
    pub enforce: bool,
    /// How often BMCs are asked how they do; none for never.
    pub poll_bmcs: Option<Duration>,
}

/// Why the daemon could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot use the state folder {path}")]
    State {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("another daemon uses the state folder {path}")]
    StateInUse { path: PathBuf },
    #[error(transparent)]
    Socket(#[from] SocketError),
    #[error("cannot drop privileges")]
    Privileges(#[from] caps::errors::CapsError),
    #[error("cannot keep its memory to itself")]
    Memory(#[from] nix::Error),
    #[error("cannot start the runtime")]
    Runtime(#[source] std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot open the folder of boot files")]
    Blobs(#[from] BlobError),
    #[error("cannot hear of the network's changes")]
    Changes(#[source] std::io::Error),
    #[error("cannot take charge of the host")]
    World(#[from] WorldError),
    #[error("cannot take up the applied site")]
    Applied(#[source] Fault),
    #[error("the API ended")]
    Api(#[source] std::io::Error),
}

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// [`ServeError`] where it cannot start.
pub fn serve(settings: &Settings) -> Result<(), ServeError> {
    let _lock = lock(&settings.state)?;
    let listener = api::bind(&settings.socket)?;
    drop_privileges()?;
    hide_memory()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Runtime)?;
    let ended = runtime.block_on(run(settings, listener));
    // A socket that nobody answers would look like a daemon that hangs.
    let _ = std::fs::remove_file(&settings.socket);
    ended
}

/// One daemon a state folder, for as long as the file is open.
fn lock(folder: &PathBuf) -> Result<File, ServeError> {
    let fault = |source| ServeError::State {
        path: folder.clone(),
        source,
    };
    std::fs::create_dir_all(folder).map_err(fault)?;
    let file = File::create(folder.join("lock")).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServeError::StateInUse {
            path: folder.clone(),
        }),
        Err(TryLockError::Error(source)) => Err(fault(source)),
    }
}

async fn run(
    settings: &Settings,
    listener: std::os::unix::net::UnixListener,
) -> Result<(), ServeError> {
    let store = Arc::new(Embedded::open(&settings.state.join("store"))?);
    let blobs = Blobs::open(settings.state.join("files"))?;
    // Beside the leases: of a large site both take a while.
    let of_applies = store.clone();
    let left = spawn_blocking(move || Left::read(of_applies));
    let mut world = Live::start(
        settings.controller.clone(),
        store,
        blobs.folder().to_owned(),
    )
    .await?;
    let (dhcp, bmcs, heard) = (world.dhcp(), world.bmcs(), world.heard_of_bmcs());
    let (boards, hooks, webhooks) = (Boards::default(), world.hooks(), world.webhooks());
    // Before anything is looked at, so that nothing is missed.
    let changes = Changes::subscribe().map_err(ServeError::Changes)?;
    let turns = Turns::new();
    let mending = Mending::new(settings.enforce, turns.clone());
    let (controller, told) = (settings.controller.clone(), boards.clone());
    let left = left
        .await
        .map_err(|ended| ServeError::Runtime(ended.into()))?;
    let left = left.map_err(ServeError::Applied)?;
    let mut reconciler = Reconciler::new(controller, world, left, blobs.clone(), mending, told);
    reconciler.converge().await.map_err(ServeError::Applied)?;
    tokio::spawn(hook::serve(dhcp.clone(), hooks, boards.hooks));
    tokio::spawn(webhook::serve(dhcp.clone(), webhooks, boards.webhooks));
    let (requests, queue) = mpsc::channel(QUEUE);
    let context = Context {
        controller: settings.controller.clone(),
        requests,
        bmcs: Bmcs::new(
            reconciler.in_force(),
            bmcs,
            dhcp.clone(),
            settings.state.join("consoles"),
        ),
        dhcp,
        in_force: reconciler.in_force(),
        blobs,
        turns,
        doings: reconciler.doings(),
        admission: Admission::here(),
    };
    tokio::spawn(context.bmcs.clone().keep_recordings());
    tokio::spawn(context.bmcs.clone().hear(heard));
    let (turns, last) = (context.turns.clone(), context.requests.clone());
    let bmcs = context.bmcs.clone();
    if let Some(every) = settings.poll_bmcs {
        tokio::spawn(bmcs.clone().watch(every));
    }
    let listener = UnixListener::from_std(listener).map_err(ServeError::Api)?;
    tracing::info!(controller = %settings.controller, socket = %settings.socket.display(), "ready");
    let stop = signal(SignalKind::terminate()).map_err(ServeError::Runtime)?;
    let stopped = stopped(stop, &turns, &last, &bmcs);
    // A task of its own: who asks whose turn it is hears it while the owner compiles a large site or the kernel takes its time.
    let answering = tokio::spawn(api::serve(listener, context));
    tokio::select! {
        ended = answering => ended.unwrap_or_else(|error| Err(error.into())).map_err(ServeError::Api),
        () = reconciler.serve(queue, changes) => Ok(()),
        _turn = stopped => Ok(()),
    }
}

/// Waits until the daemon is told to stop and may: nothing else can begin while what is returned is held.
async fn stopped(
    mut stop: Signal,
    turns: &Turns,
    last: &mpsc::Sender<Request>,
    bmcs: &Bmcs,
) -> Turn {
    tokio::select! {
        _ = stop.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    // An apply under way ends first, and no other begins.
    let stopping = UnderWay {
        plan: "none: the daemon is stopping".to_owned(),
        who: Who::of(geteuid()),
        since: now(),
    };
    let turn = turns.wait(stopping).await;
    let (reply, ended) = oneshot::channel();
    if last.send(Request::Stop { reply }).await.is_ok() {
        // No answer comes where the owner is gone, and then there is nothing to wait for.
        let _ = ended.await;
    }
    bmcs.end().await;
    turn
}
