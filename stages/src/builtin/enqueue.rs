//! `enqueue`: hands the accepted events to the queue. What is answered with 2xx is on disk.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::batch::{Batch, Refusal, RefusalKind};
use crate::context::{Cx, Services};
use crate::entry::Entry;
use crate::hash::EntryId;
use crate::ports::{Append, AppendError};
use crate::stage::{BuildError, Define, Form, Needs, Side, Stage, StageError};
use crate::verdict::{Code, codes};

const QUEUE_FULL: Code = Code::new("queue_full");
const QUEUE_UNAVAILABLE: Code = Code::new("queue_unavailable");
const APPEND_UNCONFIRMED: Code = Code::new("append_unconfirmed");
const BATCH_REJECTED: Code = Code::new("batch_rejected");

/// When a client may try again; a flush interval of real clients is five minutes.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// The stage.
pub(crate) struct Enqueue {
    queue: Arc<dyn Append>,
}

/// Settings of `enqueue`: there are none.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EnqueueConfig {}

#[async_trait]
impl Stage for Enqueue {
    async fn run(&self, batch: &mut Batch<'_>, cx: Cx<'_>) -> Result<(), StageError> {
        let request = cx.request.ok_or(StageError::Misplaced("enqueue needs a request"))?;
        // Here every stage that refuses has spoken.
        batch.fall_together(BATCH_REJECTED, "another event of the batch was refused, and so all");
        let door_duplicates = batch.dropped_as(codes::DUPLICATE);
        if batch.passing() == 0 && door_duplicates == 0 {
            return Ok(());
        }
        let id = EntryId::random().map_err(|error| StageError::System(Box::new(error)))?;
        let mut events = batch.take_passing();
        if let Some(country) = request.country {
            events.iter_mut().for_each(|event| event.fill_country(country));
        }
        let entry = Entry {
            id,
            received: request.received,
            // A repeat that was recognised at the door brings no events. If it also brought the key
            // and overtook the first, the first would be taken for the repeat and lost.
            batch_key: request.batch_key.filter(|_| !events.is_empty()),
            door_duplicates: u32::try_from(door_duplicates).unwrap_or(u32::MAX),
            events,
        };
        // Once: an append whose outcome is unknown may have worked, and must not work twice.
        match self.queue.append(&entry).await {
            Ok(()) => batch.set_receipt(entry.id),
            Err(error) => batch.refuse(refusal(&error)),
        }
        Ok(())
    }
}

fn refusal(error: &AppendError) -> Refusal {
    let (code, message) = match error {
        AppendError::Full => {
            (QUEUE_FULL, "the queue is full; nothing was stored, send the batch again later")
        }
        AppendError::Unavailable(_) => (
            QUEUE_UNAVAILABLE,
            "the queue cannot be reached; nothing was stored, send the batch again later",
        ),
        AppendError::Unknown(_) => (
            APPEND_UNCONFIRMED,
            "the queue did not confirm the batch; do not assume that it was stored. \
             Sent again with identities or the same Idempotency-Key it counts once",
        ),
    };
    let kind = RefusalKind::Unavailable { retry_after: RETRY_AFTER };
    Refusal { kind, code, message: message.into() }
}

impl Define for Enqueue {
    const NAME: &'static str = "enqueue";
    const SIDES: &'static [Side] = &[Side::Ingest];
    const GIVES: Option<Form> = Some(Form::Queued);
    const CODES: &'static [Code] =
        &[QUEUE_FULL, QUEUE_UNAVAILABLE, APPEND_UNCONFIRMED, BATCH_REJECTED];
    type Config = EnqueueConfig;

    fn needs(_: &Self::Config) -> Needs {
        Needs::Exactly(Form::Clean)
    }

    fn build(_: Self::Config, services: &Services) -> Result<Self, BuildError> {
        Ok(Self { queue: Arc::clone(&services.queue) })
    }
}

#[cfg(test)]
mod tests;
