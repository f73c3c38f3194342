//! HTTP's sockets: accepts connections within bounds, and sends files as the engine decides.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::Body;
use axum::http::header::{ALLOW, ETAG, HeaderValue, LAST_MODIFIED};
use axum::http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower_http::services::ServeFile;

use super::Event;
use super::engine::{Decision, decide, entity_tag};
use crate::base::addr::InterfaceAddr;
use crate::base::name::LinkName;
use crate::serve::ListenError;
use crate::serve::files::{BootFiles, StoredFile};
use crate::serve::listen::{Bound, Listeners, Open, accept, accepts};
use crate::serve::places::{Place, Places};
use crate::serve::tally::Tally;
use crate::state::{Listener, Service, State};

/// Connections at a time, and of one client; iPXE and installers open a handful each.
const CONNECTIONS_MAX: usize = 2048;
const CONNECTIONS_PER_CLIENT: usize = 64;

/// How long a request's head may take, the wait for it included, and how large it may be.
const HEAD_TIME: Duration = Duration::from_secs(10);
const HEAD_OCTETS: usize = 16 * 1024;
const HEAD_FIELDS: usize = 64;

/// The wait before accepting again after the host ran out of something.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// The boot file server of a controller. Its methods need a tokio runtime around them.
pub struct Server {
    listeners: Listeners,
    shared: Arc<Shared>,
}

struct Shared {
    files: ArcSwap<BootFiles>,
    tally: Tally<Event>,
    places: Arc<Places>,
}

impl Default for Server {
    fn default() -> Self {
        Self::on_port(Service::Http.port())
    }
}

impl Server {
    pub fn on_port(port: u16) -> Self {
        Self {
            listeners: Listeners::new(Service::Http, port),
            shared: Arc::new(Shared {
                files: ArcSwap::default(),
                tally: Tally::default(),
                places: Places::new(CONNECTIONS_MAX, CONNECTIONS_PER_CLIENT),
            }),
        }
    }

    /// Answers on `address` from now on.
    ///
    /// # Errors
    /// [`ListenError::Socket`] where the port is taken or the address is not the host's.
    pub async fn open(&self, link: &LinkName, address: InterfaceAddr) -> Result<(), ListenError> {
        let listener = Listener {
            link: link.clone(),
            address,
        };
        if self.listeners.holds(&listener) {
            return Ok(());
        }
        self.close(address.ip()).await;
        let socket = self.listeners.connections(&listener)?;
        let task = serve_connections(Arc::clone(&socket), Arc::clone(&self.shared));
        self.listeners.insert(Open {
            listener,
            sockets: vec![Bound::Connections(socket)],
            tasks: vec![tokio::spawn(task)],
        });
        Ok(())
    }

    /// Answers on `address` no longer, and ends its connections; the port is free when this returns.
    pub async fn close(&self, address: IpAddr) {
        for task in self.listeners.withdraw(address) {
            // It was told to end, so how it ended says nothing.
            let _ = task.await;
        }
    }

    /// Where the server answers, as its sockets say.
    pub fn listening(&self) -> BTreeMap<IpAddr, Listener> {
        self.listeners.listening()
    }

    /// Serves other files from now on; answers under way keep theirs.
    pub fn load(&self, files: Arc<BootFiles>) {
        self.shared.files.store(files);
    }

    /// The files that are served.
    pub fn serving(&self) -> State {
        self.shared.files.load().serving()
    }

    pub fn counters(&self) -> BTreeMap<Event, u64> {
        self.shared.tally.counts()
    }
}

/// Accepts connections until the listener is shut down.
async fn serve_connections(listener: Arc<TcpListener>, shared: Arc<Shared>) {
    let mut open = JoinSet::new();
    loop {
        let (stream, client) = match accept(&listener).await {
            Ok(accepted) => accepted,
            Err(_) if accepts(&listener) => {
                shared.tally.count(Event::Busy);
                sleep(EXHAUSTED).await;
                continue;
            }
            Err(_) => return,
        };
        while open.try_join_next().is_some() {}
        match shared.places.take(client.ip()) {
            Some(place) => {
                open.spawn(serve_connection(stream, place, Arc::clone(&shared)));
            }
            None => shared.tally.count(Event::Busy),
        }
    }
}

async fn serve_connection(stream: TcpStream, _place: Place, shared: Arc<Shared>) {
    let service = service_fn(|request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(respond(&shared, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_OCTETS)
        .max_headers(HEAD_FIELDS)
        .serve_connection(TokioIo::new(stream), service);
    if connection.await.is_err() {
        shared.tally.count(Event::Malformed);
    }
}

async fn respond(shared: &Shared, request: Request<Incoming>) -> Response<Body> {
    let (mut head, _) = request.into_parts();
    let files = shared.files.load_full();
    let (event, response) = match decide(&head.method, head.uri.path(), &mut head.headers, &files) {
        Decision::Send(stored) => send(stored, Request::from_parts(head, ())).await,
        Decision::Unchanged(stored) => {
            let response = tagged(empty(StatusCode::NOT_MODIFIED), &stored);
            (Event::Answered, response)
        }
        Decision::Refuse(StatusCode::METHOD_NOT_ALLOWED) => {
            let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            (Event::Refused, response)
        }
        Decision::Refuse(status) => (Event::Missing, empty(status)),
    };
    shared.tally.count(event);
    response
}

async fn send(stored: StoredFile, request: Request<()>) -> (Event, Response<Body>) {
    let sent = ServeFile::new(&stored.blob).try_call(request).await;
    match sent {
        // The blob is gone from the disk, which is no fault of the client's.
        Ok(response) if response.status() == StatusCode::NOT_FOUND => {
            (Event::Unreadable, empty(StatusCode::INTERNAL_SERVER_ERROR))
        }
        Ok(response) => (Event::Answered, tagged(response.map(Body::new), &stored)),
        Err(_) => (Event::Unreadable, empty(StatusCode::INTERNAL_SERVER_ERROR)),
    }
}

/// Puts the one validator that holds in place of what the blob's own times suggest.
fn tagged(mut response: Response<Body>, stored: &StoredFile) -> Response<Body> {
    let headers = response.headers_mut();
    headers.remove(LAST_MODIFIED);
    if let Ok(tag) = HeaderValue::try_from(entity_tag(&stored.file.digest)) {
        headers.insert(ETAG, tag);
    }
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
