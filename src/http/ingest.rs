//! `POST /v1/events`: from the body to the answer. What an event may be is not decided here.

use std::sync::Arc;

use salvo::http::{HeaderMap, HeaderName, StatusCode};
use salvo::{Request, Response, handler};
use stages::{Batch, BatchKey, Cx, StageError};

use super::answer::{self, Accepted};
use super::body::{self, Limits};
use super::problem::{Kind, Problem};
use super::quota;
use super::state::{Ingest, State};
use crate::queue::RefusedKind;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest `Idempotency-Key`, in bytes.
const KEY_LENGTH: usize = 255;

/// Takes batches of events.
pub(super) struct Events(pub(super) Arc<State>);

#[handler]
impl Events {
    async fn handle(&self, req: &mut Request, res: &mut Response) {
        match self.take(req, res).await {
            Ok(accepted) => answer::json(res, StatusCode::OK, &accepted),
            Err(problem) => problem.write(res),
        }
    }
}

impl Events {
    async fn take(&self, req: &mut Request, res: &mut Response) -> Result<Accepted, Problem> {
        let state = &*self.0;
        let Some(ingest) = &state.ingest else {
            return Err(Problem::plain(Kind::NotFound, "this process does not take events"));
        };
        let result = match self.read(req, ingest).await {
            Ok((request, body)) => run(state, ingest, &request, &body, res).await,
            Err(problem) => Err(problem),
        };
        match &result {
            Ok(accepted) => {
                let events = accepted.count + accepted.duplicates.len();
                state.metrics.accepted(events as u64);
            }
            Err(problem) => {
                state.metrics.refused_request(problem.code());
                state.refusals.add(RefusedKind::Request, problem.code());
            }
        }
        result
    }

    async fn read(
        &self,
        req: &mut Request,
        ingest: &Ingest,
    ) -> Result<(stages::Request, Vec<u8>), Problem> {
        let state = &*self.0;
        let client = state.clients.key_of(req);
        let country = state.clients.country_of(req);
        let mut unread = req.take_body();
        let limits = Limits { max: ingest.max_body, patience: body::PATIENCE };
        let body = body::read(req.headers(), &mut unread, limits).await?;
        let batch_key = idempotency_key(req.headers())?
            .map(|key| BatchKey::from_bytes(state.identity_key.hash("batch", &[key, &body])));
        let received = state.clock.hour();
        Ok((stages::Request { client, batch_key, received, country }, body))
    }
}

async fn run(
    state: &State,
    ingest: &Ingest,
    request: &stages::Request,
    body: &[u8],
    res: &mut Response,
) -> Result<Accepted, Problem> {
    let mut batch = Batch::request(body);
    let cx = Cx { clock: &*state.clock, request: Some(request), tx: None };
    let result = ingest.pipeline.run(&mut batch, cx, &*state.metrics).await;
    quota::write(res.headers_mut(), batch.quotas());
    if let Err(error) = result {
        return Err(failed(&error));
    }
    for (_, reason) in batch.rejected() {
        state.metrics.refused(reason.code);
        state.refusals.add(RefusedKind::Event, reason.code.as_str());
    }
    answer::of(&batch, state.clock.unix_millis())
}

fn failed(error: &StageError) -> Problem {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(%error, cause, "a batch was turned away");
    match error {
        StageError::Misplaced(_) => Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR),
        StageError::Shared(_) | StageError::Store(_) | StageError::System(_) => {
            answer::unavailable("the batch was not accepted; send it again after a while")
        }
    }
}

/// The client's name for the batch: 1 to 255 visible ASCII characters.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&[u8]>, Problem> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let key = key.as_bytes();
    let fits = (1..=KEY_LENGTH).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    if fits && keys.next().is_none() {
        return Ok(Some(key));
    }
    let detail = "Idempotency-Key must be one value of 1 to 255 visible ASCII characters";
    Err(Problem::new(Kind::InvalidRequest, "invalid_idempotency_key", detail))
}

#[cfg(test)]
mod tests {
    use salvo::http::HeaderValue;

    use super::*;

    #[test]
    fn an_idempotency_key_is_one_short_visible_word() {
        let long = [b'k'; 256];
        for (keys, want) in [
            (&[][..], Ok(None)),
            (&[&b"a"[..]], Ok(Some(&b"a"[..]))),
            (&[&b"!~"[..]], Ok(Some(&b"!~"[..]))),
            (&[&long[..255]], Ok(Some(&long[..255]))),
            (&[&long[..]], Err("invalid_idempotency_key")),
            (&[&b""[..]], Err("invalid_idempotency_key")),
            (&[&b"a b"[..]], Err("invalid_idempotency_key")),
            (&["ä".as_bytes()], Err("invalid_idempotency_key")),
            (&[&b"a"[..], &b"a"[..]], Err("invalid_idempotency_key")),
        ] {
            let mut headers = HeaderMap::new();
            for key in keys {
                headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(key).unwrap());
            }
            assert_eq!(idempotency_key(&headers).map_err(|problem| problem.code()), want);
        }
    }
}
