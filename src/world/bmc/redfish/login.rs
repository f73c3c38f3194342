//! Opens and ends sessions on a BMC (DSP0266, section "Redfish session login authentication"). One try with a password, never two.

use data_encoding::BASE64;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::error::{Error, Malformed, Refusal};
use super::model::link::Link;
use super::model::message;
use super::model::read::link;
use super::wire::{Answer, Ask, Wire, malformed};
use crate::base::secret::Secret;

const TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// Messages that say that there are too many sessions, not that the password is wrong.
const FULL: [&str; 3] = [
    "SessionLimitExceeded",
    "CreateLimitReachedForResource",
    "ResourceExhaustion",
];

/// The account on a BMC.
pub(super) struct Account {
    pub(super) username: String,
    pub(super) password: Secret,
}

impl Account {
    /// Whether a text repeats the password.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let password = String::from_utf8_lossy(self.password.bytes());
        !password.is_empty() && text.contains(&*password)
    }
}

/// How requests show who asks. It has no `Debug`: it holds a token or a password.
pub(super) enum Auth {
    Nobody,
    Basic(HeaderValue),
    Token {
        token: HeaderValue,
        session: Option<Link>,
        /// Whether a request was taken with it.
        has_worked: bool,
    },
    /// The BMC refused the account: nothing more is asked with it.
    Refused,
}

impl Auth {
    /// Whether a text repeats what is shown with each request.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let field = self.field();
        let shown = field.as_ref().and_then(|(_, value)| value.to_str().ok());
        // What is behind the scheme of a password is it in another form.
        let secret = shown.map(|shown| shown.trim_start_matches("Basic "));
        secret.is_some_and(|secret| !secret.is_empty() && text.contains(secret))
    }

    pub(super) fn field(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Nobody | Self::Refused => None,
            Self::Basic(value) => Some((AUTHORIZATION, value.clone())),
            Self::Token { token, .. } => Some((TOKEN, token.clone())),
        }
    }
}

/// Opens a session; where a BMC has none, each request will show the password.
pub(super) async fn login(wire: &mut Wire, root: &Value, account: &Account) -> Result<Auth, Error> {
    let Some(link) = sessions(wire, root).await? else {
        return without_sessions(wire, account);
    };
    let ask = Ask {
        method: Method::POST,
        link,
        fields: Vec::new(),
        body: credentials(account)?,
    };
    let answer = wire.send(&ask).await?;
    if answer.status.is_success() {
        return opened(&ask.link, &answer);
    }
    match answer.status.as_u16() {
        404 | 405 | 501 => without_sessions(wire, account),
        _ => Err(failure(&ask, &answer, account)),
    }
}

fn without_sessions(wire: &Wire, account: &Account) -> Result<Auth, Error> {
    match wire.is_tls() {
        true => basic(account),
        false => Err(Error::Unsupported(
            "sessions, and a password is not sent with each request without TLS",
        )),
    }
}

/// What ends a session, where there is one. A BMC has few, and keeps those that are not ended.
pub(super) fn logout(auth: &Auth) -> Option<Ask> {
    let Auth::Token { session, .. } = auth else {
        return None;
    };
    Some(Ask {
        method: Method::DELETE,
        link: session.clone()?,
        fields: auth.field().into_iter().collect(),
        body: Bytes::new(),
    })
}

/// Where sessions are made: as the root says, or as its service says. A root that names neither has none; one that is shown to nobody has
/// them where the standard puts them.
async fn sessions(wire: &mut Wire, root: &Value) -> Result<Option<Link>, Error> {
    if root.is_null() {
        return Ok(Some(Link::sessions()));
    }
    if let Some(sessions) = link(root, &["Links", "Sessions"]) {
        return Ok(Some(sessions));
    }
    let Some(service) = link(root, &["SessionService"]) else {
        return Ok(None);
    };
    let ask = Ask {
        method: Method::GET,
        link: service,
        fields: Vec::new(),
        body: Bytes::new(),
    };
    // Many show it only to those who have a session.
    let service = wire.send(&ask).await?.object();
    let named = service.and_then(|service| link(&service, &["Sessions"]));
    Ok(Some(named.unwrap_or_else(Link::sessions)))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials<'a> {
    user_name: &'a str,
    password: &'a str,
}

/// What a session is opened with; wiped when it was sent.
fn credentials(account: &Account) -> Result<Bytes, Error> {
    let password = std::str::from_utf8(account.password.bytes())
        .map_err(|_| Error::Unsupported("login with a password that is not text"))?;
    let username = &account.username;
    let credentials = Credentials {
        user_name: username,
        password,
    };
    let body = secret_body(&credentials, username.len() + password.len());
    body.ok_or(Error::Unsupported("login with such a name"))
}

/// What holds a secret and is wiped when it was sent; `length` is that of all texts in it. None where it has no form as JSON.
pub(super) fn secret_body(value: &impl Serialize, length: usize) -> Option<Bytes> {
    // Enough for everything escaped: a buffer that grows leaves copies behind.
    let room = 128 + 6 * length;
    let mut body = Zeroizing::new(Vec::with_capacity(room));
    serde_json::to_writer(&mut *body, value).ok()?;
    Some(Bytes::from_owner(body))
}

fn opened(link: &Link, answer: &Answer) -> Result<Auth, Error> {
    let token = answer.text(&TOKEN).filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| malformed(link, Malformed::Lacks("X-Auth-Token")))?;
    let in_body = || Link::of(&answer.object()?);
    Ok(Auth::Token {
        token: secret_value(token.as_bytes().to_vec())?,
        session: answer.location().or_else(in_body),
        has_worked: false,
    })
}

/// RFC 7617.
fn basic(account: &Account) -> Result<Auth, Error> {
    let password = account.password.bytes();
    let mut pair = Zeroizing::new(Vec::with_capacity(
        account.username.len() + 1 + password.len(),
    ));
    pair.extend_from_slice(account.username.as_bytes());
    pair.push(b':');
    pair.extend_from_slice(password);
    let encoded = Zeroizing::new(BASE64.encode(&pair));
    let mut value = Vec::with_capacity(6 + encoded.len());
    value.extend_from_slice(b"Basic ");
    value.extend_from_slice(encoded.as_bytes());
    Ok(Auth::Basic(secret_value(value)?))
}

/// A field that is wiped when the last request with it is gone.
fn secret_value(bytes: Vec<u8>) -> Result<HeaderValue, Error> {
    let bytes = Bytes::from_owner(Zeroizing::new(bytes));
    let mut value = HeaderValue::from_maybe_shared(bytes)
        .map_err(|_| Error::Unsupported("login with such a token"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether it is the account that is refused, or only the session.
fn failure(ask: &Ask, answer: &Answer, account: &Account) -> Error {
    let said = answer.object().map(|body| message::message(&body));
    let code = said.and_then(|said| said.code).unwrap_or_default();
    let name = message::name(&code);
    let is_full = FULL.contains(&name) || name == "PasswordChangeRequired";
    let is_login = ["Login", "Unauthorized", "Credential"]
        .iter()
        .any(|part| name.contains(part));
    match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if !is_full => Error::Credentials,
        StatusCode::BAD_REQUEST if is_login => Error::Credentials,
        // The words of one who was just told a password are not repeated.
        status => Error::Refused(Box::new(Refusal {
            asked: format!("{} {}", ask.method, ask.link),
            status: status.as_u16(),
            code: Some(code).filter(|code| !code.is_empty() && !account.is_in(code)),
            words: None,
        })),
    }
}
