//! What requests carry, read with a coded fault for what cannot be read.

use axum::extract::{FromRequest, FromRequestParts, Json, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::SESSION;
use super::routes::Answer;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::state::{ClientSession, ClientSessionError};

/// A body of JSON.
pub(super) struct Body<T>(pub(super) T);

/// The variable part of a path.
pub(super) struct Named<T>(pub(super) T);

/// What stands behind the path.
pub(super) struct Asked<T>(pub(super) T);

/// The session by which whoever asks came, where the request tells one.
pub(super) struct By(pub(super) Option<ClientSession>);

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Answer<()>;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let Some(told) = parts.headers.get(SESSION) else {
            return Ok(Self(None));
        };
        let told = told.to_str().unwrap_or_default();
        let read = told.parse().map(|client| Self(Some(client)));
        read.map_err(|error: ClientSessionError| unreadable(SESSION, &error.to_string()))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Answer<()>;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        match Json::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(unreadable("body", &rejection.body_text())),
        }
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Answer<()>;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(rejection) => Err(unreadable("path", &rejection.body_text())),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Answer<()>;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(unreadable("query", &rejection.body_text())),
        }
    }
}

fn unreadable(part: &str, cause: &str) -> Answer<()> {
    let mut fault = Fault::new(
        Code::BadRequest,
        format!("the request's {part} cannot be read"),
    );
    fault.causes.push(cause.to_owned());
    Answer::Fault(fault)
}
