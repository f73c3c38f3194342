//! Asks a BMC in the name of an account. A session that expired is opened anew once; a refused password is never tried again.

use hyper::body::Bytes;
use hyper::header::{HeaderValue, IF_MATCH};
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::error::{Error, Malformed, Refusal};
use super::login::{Account, Auth, login, logout};
use super::model::link::Link;
use super::model::message::{self, Message};
use super::model::read::text;
use super::target::Target;
use super::wire::{Answer, Ask, Connector, Wire, malformed};

/// A resource as it was read.
pub(super) struct Resource {
    pub(super) value: Value,
    /// Of its present state, where the BMC gives one.
    pub(super) etag: Option<String>,
}

/// A session on a BMC.
pub(super) struct Client {
    pub(super) wire: Wire,
    account: Account,
    auth: Auth,
    /// The service root.
    pub(super) root: Value,
}

impl Client {
    pub(super) async fn open(target: &Target) -> Result<Self, Error> {
        let connector = Connector::new(target.endpoint.clone(), target.limits.connect).await?;
        let mut client = Self {
            wire: Wire::new(connector, target.limits),
            account: Account {
                username: target.username.clone(),
                password: target.password.clone(),
            },
            auth: Auth::Nobody,
            root: Value::Null,
        };
        // The root is shown to everybody (DSP0266, section "Service root request"), but not by all.
        let root = client
            .bare(Method::GET, &Link::root(), &Bytes::new(), None)
            .await?;
        let is_closed = root.status == StatusCode::UNAUTHORIZED;
        if !is_closed {
            client.root = client
                .read(
                    &Link::root(),
                    &client.taken(&Method::GET, &Link::root(), root)?,
                )?
                .value;
        }
        client.auth = login(&mut client.wire, &client.root, &client.account).await?;
        if is_closed {
            match client.get(&Link::root()).await {
                Ok(root) => client.root = root.value,
                Err(error) => {
                    client.close().await.ok();
                    return Err(error);
                }
            }
        }
        Ok(client)
    }

    /// Ends the session on the BMC.
    pub(super) async fn close(&mut self) -> Result<(), Error> {
        self.wire.begin();
        let auth = std::mem::replace(&mut self.auth, Auth::Refused);
        let Some(ask) = logout(&auth) else {
            return Ok(());
        };
        let answer = self.wire.send(&ask).await?;
        match answer.status {
            // The BMC has ended it by itself.
            StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND | StatusCode::GONE => Ok(()),
            _ => self.taken(&ask.method, &ask.link, answer).map(drop),
        }
    }

    pub(super) async fn get(&mut self, link: &Link) -> Result<Resource, Error> {
        let answer = self.fetch(link).await?;
        self.read(link, &answer)
    }

    /// The same; none where the BMC has no such thing.
    pub(super) async fn find(&mut self, link: &Link) -> Result<Option<Resource>, Error> {
        match self.get(link).await {
            Ok(resource) => Ok(Some(resource)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// An answer that may have no body.
    pub(super) async fn fetch(&mut self, link: &Link) -> Result<Answer, Error> {
        self.ask(Method::GET, link, Bytes::new(), None).await
    }

    pub(super) async fn post(&mut self, link: &Link, body: &Value) -> Result<Answer, Error> {
        self.post_bytes(link, bytes(body)).await
    }

    /// The same with what may be secret, and is wiped when it was sent.
    pub(super) async fn post_bytes(&mut self, link: &Link, body: Bytes) -> Result<Answer, Error> {
        self.ask(Method::POST, link, body, None).await
    }

    pub(super) async fn delete(&mut self, link: &Link) -> Result<Answer, Error> {
        self.ask(Method::DELETE, link, Bytes::new(), None).await
    }

    /// Changes a resource, if it still is as it was read (RFC 9110, section 13.1.1).
    pub(super) async fn patch(
        &mut self,
        link: &Link,
        body: Bytes,
        etag: Option<&str>,
    ) -> Result<Answer, Error> {
        self.ask(Method::PATCH, link, body, etag).await
    }

    async fn ask(
        &mut self,
        method: Method,
        link: &Link,
        body: Bytes,
        etag: Option<&str>,
    ) -> Result<Answer, Error> {
        if matches!(self.auth, Auth::Refused) {
            return Err(Error::Credentials);
        }
        let mut answer = self.bare(method.clone(), link, &body, etag).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            self.reopen().await?;
            answer = self.bare(method.clone(), link, &body, etag).await?;
        }
        if answer.status == StatusCode::UNAUTHORIZED {
            return Err(Error::Session);
        }
        if let Auth::Token { has_worked, .. } = &mut self.auth {
            *has_worked = true;
        }
        self.taken(&method, link, answer)
    }

    /// Opens a new session in place of one that expired. One that never worked did not expire.
    async fn reopen(&mut self) -> Result<(), Error> {
        let opened = match &self.auth {
            Auth::Token {
                has_worked: true, ..
            } => login(&mut self.wire, &self.root, &self.account).await,
            Auth::Token { .. } => return Err(Error::Session),
            Auth::Nobody | Auth::Basic(_) | Auth::Refused => Err(Error::Credentials),
        };
        match opened {
            Ok(auth) => {
                self.auth = auth;
                Ok(())
            }
            Err(error) => {
                if matches!(error, Error::Credentials) {
                    self.auth = Auth::Refused;
                }
                Err(error)
            }
        }
    }

    /// One request as it is, whatever is answered.
    async fn bare(
        &mut self,
        method: Method,
        link: &Link,
        body: &Bytes,
        etag: Option<&str>,
    ) -> Result<Answer, Error> {
        let mut fields: Vec<_> = self.auth.field().into_iter().collect();
        if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(etag).ok()) {
            fields.push((IF_MATCH, etag));
        }
        let ask = Ask {
            method,
            link: link.clone(),
            fields,
            body: body.clone(),
        };
        self.wire.send(&ask).await
    }

    fn taken(&self, method: &Method, link: &Link, answer: Answer) -> Result<Answer, Error> {
        if answer.status.is_success() {
            return Ok(answer);
        }
        let said = answer.object().map(|body| message::message(&body));
        let asked = format!("{method} {link}");
        Err(self.refusal(asked, answer.status, said.unwrap_or_default()))
    }

    /// A refusal in the BMC's own words, without what it was told or gave in secret.
    pub(super) fn refusal(&self, asked: String, status: StatusCode, said: Message) -> Error {
        let is_open = |text: &String| !self.account.is_in(text) && !self.auth.is_in(text);
        Error::Refused(Box::new(Refusal {
            asked,
            status: status.as_u16(),
            code: said.code.filter(is_open),
            words: said.words.filter(is_open),
        }))
    }

    fn read(&self, link: &Link, answer: &Answer) -> Result<Resource, Error> {
        let value = answer.object();
        let value = value.ok_or_else(|| malformed(link, Malformed::Json))?;
        let etag = answer.etag().map(str::to_owned);
        let etag = etag.or_else(|| text(&value, &["@odata.etag"]));
        Ok(Resource { value, etag })
    }
}

pub(super) fn bytes(body: &Value) -> Bytes {
    // Every JSON value has a form as text.
    serde_json::to_vec(body).unwrap_or_default().into()
}
