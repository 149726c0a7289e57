//! Response heads.

use super::body::{Body, PIECE};
use super::route::{BUSY, Refusal};
use super::state::ServeState;
use hyper::body::Bytes;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use sealift_bundle::value::escaped::escape_json;
use serde_json::json;

/// An answer that is being made.
pub(super) struct ServeAnswer(Response<Body>);

impl ServeAnswer {
    /// An answer with this status, media type and content.
    pub(super) fn new(status: StatusCode, media_type: &str, body: Body) -> Self {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        // A page that shows something a bundle brought must not guess that it is a script.
        Self(response).with("content-type", media_type).with("x-content-type-options", "nosniff")
    }

    /// JSON with status 200.
    pub(super) fn json(media_type: &str, value: &serde_json::Value) -> Self {
        Self::new(StatusCode::OK, media_type, Body::Whole(Bytes::from(escape_json(&value.to_string()))))
    }

    /// Another address to go to.
    pub(super) fn redirect(to: &str) -> Self {
        Self::new(StatusCode::FOUND, "text/plain", Body::empty()).with("location", to)
    }

    /// Adds a header; a value that no header can have is left out.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers_mut().insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// The same, with its share of the memory for answers; refused when there is none to be had.
    pub(super) async fn within(self, state: &ServeState) -> Result<Self, Refusal> {
        let held = self.0.body().held();
        if held <= PIECE {
            return Ok(self);
        }
        let share = state.share(held).await.ok_or(BUSY)?;
        Ok(Self(self.0.map(|body| body.budgeted(share))))
    }

    /// Ready to be sent: with its length, and for HEAD without its content.
    pub(super) fn finish(self, is_head: bool) -> Response<Body> {
        let mut response = self.0;
        let status = response.status();
        if status == StatusCode::NOT_MODIFIED {
            response.headers_mut().remove(CONTENT_TYPE);
            return response;
        }
        if !response.headers().contains_key(CONTENT_LENGTH) {
            let len = response.body().len();
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(len));
        }
        if is_head {
            *response.body_mut() = Body::empty();
        }
        response
    }
}

impl From<Refusal> for ServeAnswer {
    /// The error body of the OCI distribution spec 1.1, section "Error Codes".
    fn from(refusal: Refusal) -> Self {
        let error = json!({ "errors": [{ "code": refusal.code, "message": refusal.message }] });
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let answer = Self::new(status, "application/json", Body::Whole(Bytes::from(error.to_string())));
        match refusal.status {
            405 => answer.with("allow", "GET, HEAD"),
            503 => answer.with("retry-after", "10"),
            _ => answer,
        }
    }
}
