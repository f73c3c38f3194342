//! The client side of the API: one request at a time over the daemon's Unix socket.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::stream;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::http::request::Builder;
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::time::{Instant, interval_at};

use crate::daemon::Doing;
use crate::daemon::api::{SESSION, VERSION};
use crate::diag::code::Code;
use crate::diag::fault::Fault;

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// Bytes of a boot file sent at a time.
const CHUNK: usize = 256 * 1024;

/// Longest answer that is read whole.
const ANSWER_BYTES: usize = 256 * 1024 * 1024;

/// When it is told first what the daemon does while it does not answer, and how often after that.
const TELL_FIRST: Duration = Duration::from_secs(2);
const TELL: Duration = Duration::from_secs(10);

/// How many machines it waits for are told by name.
const NAMED: usize = 3;

/// The first parts of paths that the owner of the world answers, which has no ear for others meanwhile.
const OWNED: [&str; 9] = [
    "plan",
    "apply",
    "status",
    "observation",
    "confirm",
    "revert",
    "history",
    "hold",
    "unlock",
];

/// A daemon, by its socket.
#[derive(Clone)]
pub(super) struct Client {
    socket: PathBuf,
    /// Whether nobody is told who waits for what.
    is_quiet: bool,
}

impl Client {
    pub(super) fn new(socket: &Path, is_quiet: bool) -> Self {
        Self {
            socket: socket.to_owned(),
            is_quiet,
        }
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Fault> {
        let answer = self.send(Method::GET, path, empty()).await?;
        self.read(answer).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        value: &impl Serialize,
    ) -> Result<T, Fault> {
        let answer = self.send(Method::POST, path, json(value)?).await?;
        self.read(answer).await
    }

    /// Posts, and hands on the lines of the answer as they come, those that come together at once.
    pub(super) async fn post_lines<T: DeserializeOwned>(
        &self,
        path: &str,
        value: &impl Serialize,
        mut each: impl FnMut(&[T]),
    ) -> Result<(), Fault> {
        let answer = self.send(Method::POST, path, json(value)?).await?;
        self.lines(answer, |values| {
            each(values);
            ControlFlow::Continue(())
        })
        .await
    }

    /// Hands on the lines of an answer as they come, until there are no more or `each` wants none.
    pub(super) async fn get_lines<T: DeserializeOwned>(
        &self,
        path: &str,
        each: impl FnMut(&[T]) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        let answer = self.send(Method::GET, path, empty()).await?;
        self.lines(answer, each).await
    }

    async fn lines<T: DeserializeOwned>(
        &self,
        mut answer: Response<Incoming>,
        mut each: impl FnMut(&[T]) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        if answer.status() != StatusCode::OK {
            return self.read(answer).await;
        }
        let mut rest: Vec<u8> = Vec::new();
        while let Some(frame) = answer.body_mut().frame().await {
            let frame = frame.map_err(|error| self.broken(&error))?;
            rest.extend(frame.into_data().unwrap_or_default());
            let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
                continue;
            };
            let incomplete = rest.split_off(end + 1);
            let lines = std::mem::replace(&mut rest, incomplete);
            let values = serde_json::Deserializer::from_slice(&lines).into_iter();
            let values: Result<Vec<T>, _> = values.collect();
            if each(&values.map_err(|error| self.broken(&error))?).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Uploads a file's content.
    pub(super) async fn put_file(&self, path: &str, file: &Path) -> Result<(), Fault> {
        let unreadable = |error: std::io::Error| {
            Fault::new(
                Code::FileUnreadable,
                format!("cannot read {}", file.display()),
            )
            .because(&error)
        };
        let file = tokio::fs::File::open(file).await.map_err(unreadable)?;
        let chunks = stream::unfold(file, |mut file| async move {
            let mut chunk = vec![0; CHUNK];
            match file.read(&mut chunk).await {
                Ok(0) => None,
                Ok(length) => {
                    chunk.truncate(length);
                    Some((Ok(Frame::data(Bytes::from(chunk))), file))
                }
                Err(error) => Some((Err(error), file)),
            }
        });
        let answer = self
            .send(
                Method::PUT,
                path,
                BodyExt::boxed_unsync(StreamBody::new(chunks)),
            )
            .await?;
        self.read(answer).await
    }

    /// Asks for a connection that is switched to another protocol.
    pub(super) async fn upgraded(
        &self,
        path: &str,
        protocol: &str,
    ) -> Result<TokioIo<Upgraded>, Fault> {
        let request = request(Method::GET, path);
        let request = request.header("connection", "upgrade");
        let request = request.header("upgrade", protocol);
        let answer = self.exchange(request, empty()).await?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(match self.read::<()>(answer).await {
                Err(fault) => fault,
                Ok(()) => Fault::new(Code::ApiVersion, "the daemon does not switch protocols"),
            });
        }
        let upgraded = hyper::upgrade::on(answer).await;
        upgraded
            .map(TokioIo::new)
            .map_err(|error| self.broken(&error))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<Response<Incoming>, Fault> {
        let answer = self.exchange(request(method, path), body);
        let first = path.split('/').next().unwrap_or_default();
        if !OWNED.contains(&first) {
            return answer.await;
        }
        tokio::select! {
            answer = answer => answer,
            never = self.tell_what_is_done(|_| true) => match never {},
        }
    }

    /// Tells what the daemon does, where that is to be told, while somebody waits for it; for as long as nobody ends this.
    pub(super) async fn tell_what_is_done(&self, is_told: impl Fn(&Doing) -> bool) -> Infallible {
        let mut again = interval_at(Instant::now() + TELL_FIRST, TELL);
        loop {
            again.tick().await;
            if self.is_quiet {
                continue;
            }
            // A daemon that cannot say it, or is of another version, says nothing.
            let answer = self.exchange(request(Method::GET, "doing"), empty()).await;
            let Ok(answer) = answer else { continue };
            if let Ok(Some(doing)) = self.read::<Option<Doing>>(answer).await
                && is_told(&doing)
            {
                super::output::progress(&waits(&doing));
            }
        }
    }

    async fn exchange(&self, request: Builder, body: Body) -> Result<Response<Incoming>, Fault> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| self.absent(&error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(&error))?;
        // The connection ends by itself once the answer has been read or dropped.
        tokio::spawn(connection.with_upgrades());
        let request = request.body(body).map_err(|error| self.broken(&error))?;
        sender
            .send_request(request)
            .await
            .map_err(|error| self.broken(&error))
    }

    /// The value of an answer, or the fault that it carries.
    async fn read<T: DeserializeOwned>(&self, answer: Response<Incoming>) -> Result<T, Fault> {
        let status = answer.status();
        let body = http_body_util::Limited::new(answer.into_body(), ANSWER_BYTES);
        let bytes = body
            .collect()
            .await
            .map_err(|error| self.broken(&*error))?
            .to_bytes();
        if status == StatusCode::OK {
            return serde_json::from_slice(&bytes).map_err(|error| self.broken(&error));
        }
        let unclear = |_| {
            Fault::new(
                Code::ApiVersion,
                format!(
                    "the daemon answered {status}: {}",
                    String::from_utf8_lossy(&bytes).trim()
                ),
            )
        };
        Err(serde_json::from_slice::<Fault>(&bytes).unwrap_or_else(unclear))
    }

    fn absent(&self, error: &std::io::Error) -> Fault {
        let socket = self.socket.display();
        let fault = if error.kind() == ErrorKind::PermissionDenied {
            Fault::new(
                Code::PeerRefused,
                format!("no permission to use the daemon's socket {socket}"),
            )
            .help("run as root, or join the group `bedplate`")
        } else {
            Fault::new(Code::DaemonAbsent, format!("no daemon answers on {socket}"))
                .help("start one with `bedplate serve`, or name its socket with --socket; `bedplate plan --against FILE` needs none")
        };
        fault.because(error)
    }

    fn broken(&self, error: &(dyn std::error::Error + 'static)) -> Fault {
        let message = format!(
            "the conversation with the daemon on {} broke off",
            self.socket.display()
        );
        Fault::new(Code::DaemonAbsent, message)
            .because(error)
            .help("see the daemon's log; once it is back, `bedplate status` shows what is in force, `bedplate history` how applies ended")
    }
}

/// For what is waited.
fn waits(doing: &Doing) -> String {
    let Doing {
        deed,
        since,
        machines,
    } = doing;
    let mut text = format!("waiting for the daemon: it {deed}, since {since}");
    for machine in machines.awaited.iter().take(NAMED) {
        text = format!("{text}\n  {machine}");
    }
    match machines.awaiting.saturating_sub(NAMED) {
        0 => text,
        more => format!("{text}\n  … and {more} more"),
    }
}

fn request(method: Method, path: &str) -> Builder {
    let request = Request::builder()
        .method(method)
        .uri(format!("/{VERSION}/{path}"))
        .header("host", "bedplate")
        .header("content-type", "application/json");
    // So that a plan can tell the session of whoever asks from others.
    match super::session::own() {
        Some(own) => request.header(SESSION, own.to_string()),
        None => request,
    }
}

fn empty() -> Body {
    BodyExt::boxed_unsync(Full::new(Bytes::new()).map_err(|never| match never {}))
}

fn json(value: &impl Serialize) -> Result<Body, Fault> {
    let bytes = serde_json::to_vec(value).map_err(|error| {
        Fault::new(Code::Internal, "a request has no JSON form").because(&error)
    })?;
    Ok(BodyExt::boxed_unsync(
        Full::new(Bytes::from(bytes)).map_err(|never| match never {}),
    ))
}
