//! Webhooks against a receiver that does what it is told: what it saw, and how that was counted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::retry::Patience;
use super::sign::signature;
use super::starter;
use crate::base::duration::Seconds;
use crate::base::hook::HookEvent;
use crate::base::mark::{EventMark, RunId};
use crate::base::moment::Moment;
use crate::base::name::Name;
use crate::base::secret::Secret;
use crate::base::secret::SecretRef;
use crate::daemon::event::LeaseEvent;
use crate::daemon::hook::lane::{Lanes, QUEUE};
use crate::daemon::hook::{Board, HookTally};
use crate::daemon::who::now;
use crate::state::Webhook;
use crate::world::WebhooksInForce;

const QUICK: Patience = Patience {
    first: Duration::from_millis(2),
    most: Duration::from_millis(4),
    asked: Duration::from_millis(4),
    tries: 4,
    age: Duration::from_secs(600),
};

/// Nothing is tried again before the test is over.
const SLOW: Patience = Patience {
    first: Duration::from_secs(3600),
    most: Duration::from_secs(3600),
    age: Duration::MAX,
    ..QUICK
};

const KEY: &str = "hunter2";

/// What the receiver does with one request.
#[derive(Debug, Clone, Copy)]
enum Does {
    /// A status with further fields.
    Answer(&'static str),
    Close,
    Silence,
    /// Fields or a body that do not end.
    EndlessHead,
    EndlessBody,
}
use Does::{Answer, Close, EndlessBody, EndlessHead, Silence};

/// One request as it arrived.
#[derive(Debug, Clone)]
struct Request {
    line: String,
    fields: BTreeMap<String, String>,
    body: String,
}

/// A receiver on this host.
#[derive(Clone)]
struct Receiver {
    seen: Arc<Mutex<Vec<Request>>>,
    plan: Arc<Mutex<VecDeque<Does>>>,
    connections: Arc<Mutex<usize>>,
}

impl Receiver {
    /// One that goes by a plan, and takes all after that.
    async fn start(plan: &[Does]) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/leases?from=test", listener.local_addr().unwrap());
        let receiver = Self {
            seen: Arc::default(),
            plan: Arc::new(Mutex::new(plan.iter().copied().collect())),
            connections: Arc::default(),
        };
        let listening = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let one = listening.clone();
                *one.connections.lock().unwrap() += 1;
                tokio::spawn(async move { one.converse(stream).await });
            }
        });
        (receiver, url)
    }

    fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    async fn converse(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let request = read(&mut stream).await?;
            self.seen.lock().unwrap().push(request);
            let does = self.plan.lock().unwrap().pop_front();
            match does.unwrap_or(Answer("200 OK")) {
                Answer(head) => {
                    let text = format!("HTTP/1.1 {head}\r\ncontent-length: 2\r\n\r\nok");
                    stream.write_all(text.as_bytes()).await.ok()?;
                }
                Close => return None,
                Silence => std::future::pending().await,
                EndlessHead => loop {
                    stream.write_all(b"HTTP/1.1 200 OK\r\na: ").await.ok()?;
                    stream.write_all(&[b'x'; 65536]).await.ok()?;
                },
                EndlessBody => {
                    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
                    stream.write_all(head).await.ok()?;
                    while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
                    return None;
                }
            }
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            text => lines.push(text.to_owned()),
        }
    }
    let fields = lines.iter().filter_map(|line| line.split_once(": "));
    let fields: BTreeMap<_, _> = fields
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut body = vec![0; fields["content-length"].parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    let body = String::from_utf8(body).unwrap();
    let line = lines.remove(0);
    Some(Request { line, fields, body })
}

/// A webhook that is told of the store, with all that tells it.
struct Rig {
    name: Name,
    board: Board,
    in_force: watch::Sender<WebhooksInForce>,
    folder: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), format!("{KEY}\n")).unwrap();
        Self {
            name: "a".parse().unwrap(),
            board: Board::default(),
            in_force: watch::Sender::default(),
            folder,
        }
    }

    fn key(&self) -> std::path::PathBuf {
        self.folder.path().join("key")
    }

    fn say(&self, url: &str, within: u32) -> WebhooksInForce {
        let webhook = Webhook {
            events: [HookEvent::Store].into(),
            url: url.parse().unwrap(),
            secret: SecretRef::File(self.key().display().to_string()),
            within: Seconds(within),
        };
        let said = Arc::new([(self.name.clone(), Arc::new(webhook))].into());
        self.in_force.send_replace(Arc::clone(&said));
        said
    }

    /// Hands out events, and waits until the tally is as it should be.
    async fn told(
        &self,
        patience: Patience,
        webhooks: &WebhooksInForce,
        events: u64,
        is_so: impl Fn(&HookTally) -> bool,
    ) -> HookTally {
        let start = starter(self.in_force.subscribe(), self.board.clone(), patience);
        let mut lanes = Lanes::new(self.board.clone(), start);
        lanes.adopt(webhooks);
        for number in 0..events {
            lanes.hand_one(&event(number));
        }
        self.until(is_so).await
    }

    async fn until(&self, is_so: impl Fn(&HookTally) -> bool) -> HookTally {
        loop {
            let tally = self.board.of(&self.name);
            if is_so(&tally) {
                return tally;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn event(number: u64) -> LeaseEvent {
    let (at, trouble) = (Moment(0), None);
    let run = RunId(0xab);
    LeaseEvent::Store {
        mark: EventMark { run, number },
        at,
        trouble,
    }
}

/// Events of which a receiver hears, by their numbers; every request is whole and signed.
fn numbers(seen: &[Request]) -> Vec<u64> {
    let mut ids: BTreeMap<u64, String> = BTreeMap::new();
    let mut numbers = Vec::new();
    for request in seen {
        let Request { line, fields, body } = request;
        assert_eq!(line, "POST /leases?from=test HTTP/1.1");
        assert_eq!(fields["content-type"], "application/json");
        assert!(fields["host"].starts_with("127.0.0.1:"));
        let told: LeaseEvent = serde_json::from_str(body).unwrap();
        let number = told.mark().unwrap().number;
        assert_eq!(told, event(number));
        let (id, at) = (&fields["webhook-id"], &fields["webhook-timestamp"]);
        let at = Moment(at.parse().unwrap());
        assert!(at.0.abs_diff(now().0) < 600);
        let secret = Secret::new(KEY.into());
        let expected = signature(&secret, id, at, body.as_bytes()).unwrap();
        assert_eq!(fields["webhook-signature"], expected);
        // An event has one id, however often it is told, and no other has it.
        let first = ids.entry(number).or_insert_with(|| id.clone());
        assert_eq!(id, first);
        numbers.push(number);
    }
    let all: BTreeSet<_> = ids.values().collect();
    assert_eq!(all.len(), ids.len());
    numbers
}

/// What a receiver does with two events, and then: how many were delivered, failed and retried, which ones it saw, and the last error.
type Case = (
    &'static str,
    &'static [Does],
    [u64; 3],
    &'static [u64],
    &'static str,
);

const CASES: [Case; 13] = [
    ("taken", &[], [2, 0, 0], &[0, 1], ""),
    (
        "without a body",
        &[Answer("204 No Content")],
        [2, 0, 0],
        &[0, 1],
        "",
    ),
    (
        "closed after each",
        &[Answer("202 Accepted\r\nconnection: close"); 2],
        [2, 0, 0],
        &[0, 1],
        "",
    ),
    (
        "down for a while",
        &[Answer("500 No"), Answer("503 No")],
        [2, 0, 2],
        &[0, 0, 0, 1],
        "it answered 503 Service Unavailable",
    ),
    (
        "refused",
        &[Answer("400 No")],
        [1, 1, 0],
        &[0, 1],
        "it answered 400 Bad Request",
    ),
    (
        "gone",
        &[Answer("410 No")],
        [1, 1, 0],
        &[0, 1],
        "it answered 410 Gone",
    ),
    (
        "moved",
        &[Answer("307 Else\r\nlocation: http://127.0.0.1/")],
        [1, 1, 0],
        &[0, 1],
        "it answered 307 Temporary Redirect, and redirections are not followed",
    ),
    (
        "busy",
        &[
            Answer("408 Slow"),
            Answer("429 Busy\r\nretry-after: 99999999999999999999"),
            Answer("429 Busy\r\nretry-after: Fri, 31 Dec 2100 23:59:59 GMT"),
        ],
        [2, 0, 3],
        &[0, 0, 0, 0, 1],
        "it answered 429 Too Many Requests",
    ),
    (
        "hangs up",
        &[Close],
        [2, 0, 1],
        &[0, 0, 1],
        "HTTP failed: connection closed before message completed",
    ),
    (
        "says nothing",
        &[Silence],
        [2, 0, 1],
        &[0, 0, 1],
        "no answer came within 3s",
    ),
    (
        "never ends its head",
        &[EndlessHead],
        [2, 0, 1],
        &[0, 0, 1],
        "HTTP failed: message head is too large",
    ),
    (
        "never ends its body",
        &[EndlessBody],
        [2, 0, 0],
        &[0, 1],
        "",
    ),
    (
        "down for too long",
        &[Answer("500 No"); 4],
        [1, 1, 3],
        &[0, 0, 0, 0, 1],
        "it answered 500 Internal Server Error",
    ),
];

#[tokio::test]
async fn events_are_told_in_order_until_they_are_taken_or_given_up() {
    for (what, plan, counts, expected, error) in CASES {
        let (receiver, url) = Receiver::start(plan).await;
        let rig = Rig::new();
        // One that answers does so in its own time on a busy machine.
        let is_silent = plan.iter().any(|one| matches!(one, Silence));
        let webhooks = rig.say(&url, if is_silent { 3 } else { 60 });
        let tally = rig
            .told(QUICK, &webhooks, 2, |tally| tally.waiting == 0)
            .await;
        assert_eq!(numbers(&receiver.seen()), expected, "{what}");
        let counted = [tally.delivered, tally.failed, tally.retried];
        assert_eq!(counted, counts, "{what}: {tally:?}");
        assert_eq!(tally.last_error.unwrap_or_default(), error, "{what}");
    }
}

/// A connection serves as long as it is whole; one that the receiver closed between two events costs no try.
#[tokio::test]
async fn connections_are_used_again() {
    const LAST: Does = Answer("200 OK\r\nconnection: close");
    for (plan, expected) in [
        (&[][..], 1),
        (&[LAST, LAST][..], 3),
        (&[Answer("500 No")][..], 1),
        (&[EndlessBody][..], 2),
        // The second request finds nobody any more, and is made anew.
        (&[Answer("200 OK"), Close][..], 2),
    ] {
        let (receiver, url) = Receiver::start(plan).await;
        let rig = Rig::new();
        let webhooks = rig.say(&url, 60);
        let tally = rig
            .told(QUICK, &webhooks, 3, |tally| tally.waiting == 0)
            .await;
        assert_eq!((tally.delivered, tally.failed), (3, 0), "{plan:?}");
        assert_eq!(*receiver.connections.lock().unwrap(), expected, "{plan:?}");
    }
}

#[tokio::test]
async fn without_a_secret_nothing_is_told() {
    let (receiver, url) = Receiver::start(&[]).await;
    let rig = Rig::new();
    std::fs::remove_file(rig.key()).unwrap();
    let webhooks = rig.say(&url, 60);
    let tally = rig
        .told(QUICK, &webhooks, 1, |tally| tally.waiting == 0)
        .await;
    assert_eq!((tally.failed, tally.retried), (1, 3));
    let (reference, words) = (
        SecretRef::File(rig.key().display().to_string()),
        tally.last_error,
    );
    let expected =
        format!("its secret {reference} cannot be read: No such file or directory (os error 2)");
    assert_eq!(words, Some(expected));
    assert_eq!(numbers(&receiver.seen()), [] as [u64; 0]);
}

#[tokio::test]
async fn a_host_where_nobody_listens_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let rig = Rig::new();
    let webhooks = rig.say(&format!("http://{address}/"), 60);
    let tally = rig
        .told(QUICK, &webhooks, 1, |tally| tally.waiting == 0)
        .await;
    assert_eq!((tally.failed, tally.retried), (1, 3));
    let expected = format!("{address} cannot be reached: Connection refused (os error 111)");
    assert_eq!(tally.last_error, Some(expected));
}

/// What the site says anew counts at once, for what waits already.
#[tokio::test]
async fn a_mended_url_is_told_without_delay() {
    let (wrong, before) = Receiver::start(&[Answer("500 No"); 9]).await;
    let (right, after) = Receiver::start(&[]).await;
    let rig = Rig::new();
    let start = starter(rig.in_force.subscribe(), rig.board.clone(), SLOW);
    let mut lanes = Lanes::new(rig.board.clone(), start);
    lanes.adopt(&rig.say(&before, 60));
    lanes.hand_one(&event(0));
    rig.until(|tally| tally.retried == 1).await;
    lanes.adopt(&rig.say(&after, 60));
    let tally = rig.until(|tally| tally.waiting == 0).await;
    assert_eq!((tally.delivered, tally.failed), (1, 0));
    assert_eq!(numbers(&wrong.seen()), [0]);
    assert_eq!(numbers(&right.seen()), [0]);
}

#[tokio::test]
async fn what_finds_no_room_is_dropped_and_counted() {
    let (receiver, url) = Receiver::start(&[Silence]).await;
    let rig = Rig::new();
    let start = starter(rig.in_force.subscribe(), rig.board.clone(), SLOW);
    let mut lanes = Lanes::new(rig.board.clone(), start);
    lanes.adopt(&rig.say(&url, 600));
    lanes.hand_one(&event(0));
    while receiver.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    for number in 1..QUEUE as u64 + 10 {
        lanes.hand_one(&event(number));
    }
    let tally = rig.board.of(&rig.name);
    assert_eq!((tally.waiting, tally.dropped), (QUEUE as u64 + 1, 9));
    assert_eq!(numbers(&receiver.seen()), [0]);
}
