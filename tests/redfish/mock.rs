//! A service that keeps resources in memory, and does wrong what it is told to do wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bedplate::base::secret::Secret;
use bedplate::world::bmc::redfish::{Endpoint, Limits, Session, Target, Transport};
use serde_json::{Value, json};

use crate::emulator::{PASSWORD, USER};

const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";
pub(crate) const SYSTEM: &str = "/redfish/v1/Systems/1";

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Method and target.
    pub(crate) line: String,
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) body: Value,
}

impl Request {
    pub(crate) fn is(&self, line: &str) -> bool {
        self.line == line
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

/// What is done about a request.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    /// Status, fields, and a body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// A body that is no text.
    Bytes(Vec<u8>),
    /// Ends the connection without a word.
    Close,
    /// Says nothing more.
    Silence,
    /// Tells a longer body than it sends, and ends.
    Cut(String),
    /// A body that does not end.
    Endless,
}

impl Does {
    pub(crate) fn json(value: &Value) -> Self {
        Self::Answer(200, Vec::new(), value.to_string())
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), String::new())
    }
}

/// What the service does otherwise than usual: none where it does as usual.
type Rule = Box<dyn FnMut(&Request, &mut State) -> Option<Does> + Send>;

/// What the service knows.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) resources: BTreeMap<String, Value>,
    pub(crate) seen: Vec<Request>,
    pub(crate) sessions: BTreeSet<String>,
    pub(crate) opened: usize,
    connections: usize,
    /// How often each request came.
    counts: BTreeMap<String, usize>,
}

impl State {
    pub(crate) fn put(&mut self, path: &str, mut value: Value) {
        if value.is_object() && value.get("@odata.id").is_none() {
            value["@odata.id"] = json!(path);
        }
        self.resources.insert(path.to_owned(), value);
    }

    /// A collection of paths.
    pub(crate) fn collect(&mut self, path: &str, members: &[&str]) {
        let members: Vec<Value> = members
            .iter()
            .map(|one| json!({"@odata.id": one}))
            .collect();
        self.put(path, json!({ "Members": members }));
    }

    /// How often this request came, with the present one.
    pub(crate) fn count(&self, line: &str) -> usize {
        self.counts.get(line).copied().unwrap_or_default()
    }

    fn usual(&mut self, request: &Request) -> Does {
        let (method, path) = request.line.split_once(' ').unwrap();
        let path = path.trim_end_matches('/');
        let token = request.field("x-auth-token").unwrap_or_default().to_owned();
        if method == "POST" && path == SESSIONS {
            return self.login(&request.body);
        }
        if path != "/redfish/v1" && !self.sessions.contains(&token) {
            return Does::status(401);
        }
        match (method, self.resources.get_mut(path)) {
            ("DELETE", _) => {
                self.sessions.remove(&token);
                Does::status(204)
            }
            ("POST", _) => Does::status(204),
            ("PATCH", Some(resource)) => {
                merge(resource, &request.body);
                Does::status(204)
            }
            (_, Some(resource)) => Does::json(resource),
            (_, None) => Does::status(404),
        }
    }

    fn login(&mut self, body: &Value) -> Does {
        if body != &json!({"UserName": USER, "Password": PASSWORD}) {
            return Does::status(401);
        }
        self.opened += 1;
        let token = format!("token-{}", self.opened);
        self.sessions.insert(token.clone());
        let link = format!("https://bmc.example{SESSIONS}/{}", self.opened);
        let fields = vec![("X-Auth-Token", token), ("Location", link)];
        Does::Answer(201, fields, "{}".to_owned())
    }
}

/// Lays what is written over what is there.
fn merge(target: &mut Value, source: &Value) {
    match (target.as_object_mut(), source.as_object()) {
        (Some(target), Some(source)) => {
            for (key, value) in source {
                merge(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        _ => *target = source.clone(),
    }
}

/// A running service.
pub(crate) struct Mock {
    port: u16,
    shared: Arc<Mutex<(State, Rule)>>,
    accepting: Option<thread::JoinHandle<()>>,
    is_over: Arc<Mutex<bool>>,
}

impl Mock {
    /// One system, and a rule.
    pub(crate) fn start(
        rule: impl FnMut(&Request, &mut State) -> Option<Does> + Send + 'static,
    ) -> Self {
        let mut state = State::default();
        let links = json!({"Sessions": {"@odata.id": SESSIONS}});
        state.put(
            "/redfish/v1",
            json!({"Links": links, "Systems": {"@odata.id": "/redfish/v1/Systems"}}),
        );
        state.collect("/redfish/v1/Systems", &[SYSTEM]);
        state.put(SYSTEM, system());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Mutex::new((state, Box::new(rule) as Rule)));
        let is_over = Arc::new(Mutex::new(false));
        let (serving, ending) = (Arc::clone(&shared), Arc::clone(&is_over));
        let accepting = thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if *ending.lock().unwrap() {
                    return;
                }
                let shared = Arc::clone(&serving);
                shared.lock().unwrap().0.connections += 1;
                thread::spawn(move || converse(stream, &shared));
            }
        });
        Self {
            port,
            shared,
            accepting: Some(accepting),
            is_over,
        }
    }

    /// One that does everything right.
    pub(crate) fn honest() -> Self {
        Self::start(|_, _| None)
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.shared.lock().unwrap().0)
    }

    /// The requests that came, as method and target.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.with(|state| state.seen.iter().map(|one| one.line.clone()).collect())
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.with(|state| state.count(line))
    }

    pub(crate) fn connections(&self) -> usize {
        self.with(|state| state.connections)
    }

    pub(crate) fn target(&self) -> Target {
        Target {
            endpoint: Endpoint {
                address: "127.0.0.1".parse().unwrap(),
                port: self.port,
                name: None,
                transport: Transport::Plain,
            },
            username: USER.to_owned(),
            password: Secret::new(PASSWORD.into()),
            system: None,
            limits: Limits {
                connect: Duration::from_secs(20),
                request: Duration::from_secs(20),
                whole: Duration::from_secs(60),
                settle: Duration::from_millis(300),
            },
        }
    }

    pub(crate) async fn open(&self) -> Session {
        Session::open(&self.target()).await.unwrap()
    }

    /// How many sessions were left open.
    pub(crate) fn left(&self) -> usize {
        self.with(|state| state.sessions.len())
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        *self.is_over.lock().unwrap() = true;
        TcpStream::connect(("127.0.0.1", self.port)).ok();
        self.accepting.take().unwrap().join().unwrap();
    }
}

fn system() -> Value {
    json!({
        "Id": "1",
        "UUID": "27946B59-9E44-4FA7-8E91-F3527A1EF094",
        "PowerState": "Off",
        "IndicatorLED": "Off",
        "Boot": {
            "BootSourceOverrideEnabled": "Disabled",
            "BootSourceOverrideTarget": "None",
            "BootSourceOverrideMode": "UEFI",
        },
        "Actions": {"#ComputerSystem.Reset": {
            "target": "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset",
            "ResetType@Redfish.AllowableValues": ["On", "ForceOff", "GracefulShutdown", "ForceRestart", "PowerCycle"],
        }},
    })
}

fn converse(stream: TcpStream, shared: &Mutex<(State, Rule)>) -> Option<()> {
    let mut output = stream.try_clone().ok()?;
    let mut input = BufReader::new(stream);
    loop {
        let request = read(&mut input)?;
        let does = {
            let (state, rule) = &mut *shared.lock().unwrap();
            state.seen.push(request.clone());
            *state.counts.entry(request.line.clone()).or_default() += 1;
            let does = rule(&request, state);
            does.unwrap_or_else(|| state.usual(&request))
        };
        match does {
            Does::Answer(status, fields, body) => {
                let mut head = format!("HTTP/1.1 {status} X\r\n");
                if status != 204 {
                    head += &format!("content-length: {}\r\n", body.len());
                }
                for (name, value) in fields {
                    head += &format!("{name}: {value}\r\n");
                }
                output
                    .write_all(format!("{head}\r\n{body}").as_bytes())
                    .ok()?;
            }
            Does::Bytes(body) => {
                let head = format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n", body.len());
                output.write_all(head.as_bytes()).ok()?;
                output.write_all(&body).ok()?;
            }
            Does::Close => return None,
            // Until the other end has had enough of it.
            Does::Silence => drop(input.read_to_end(&mut Vec::new()).ok()?),
            Does::Cut(body) => {
                let text = format!(
                    "HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len() + 1
                );
                output.write_all(text.as_bytes()).ok()?;
                return None;
            }
            Does::Endless => {
                output
                    .write_all(b"HTTP/1.1 200 X\r\ncontent-length: 99999999999\r\n\r\n")
                    .ok()?;
                while output.write_all(&[b' '; 65536]).is_ok() {}
                return None;
            }
        }
    }
}

fn read(input: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let fields: BTreeMap<String, String> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = fields
        .get("content-length")
        .map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    Some(Request {
        line: lines[0].trim_end_matches(" HTTP/1.1").to_owned(),
        fields,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}
