//! Demo data among real data could never be told apart again: only an empty installation is filled.

use std::time::Duration;

use anyhow::bail;
use stages::ManualClock;

use crate::app::Opened;
use crate::queue::Heartbeat;
use crate::store::Database;

/// Workers give a sign of life every second.
const SIGNS: Duration = Duration::from_secs(3);

/// Whether queue and store hold nothing, and nobody works on them.
pub(super) async fn empty(opened: &Opened, clock: &ManualClock) -> anyhow::Result<()> {
    const ADVICE: &str = "demo data are not mixed with others. Fill another folder with \
                          `demo --into DIR`, or name an empty store and queue";
    let queue = opened.queue.state().await?;
    if queue.accepted > 0 || queue.entries > 0 {
        let (accepted, waiting) = (queue.accepted, queue.events);
        bail!("queue.url has accepted {accepted} events, of which {waiting} wait: {ADVICE}");
    }
    if let Some(holdings) = holdings(&opened.store).await? {
        bail!("store.url holds {holdings}: {ADVICE}");
    }
    if is_worked_on(opened, clock).await? {
        bail!("a server or worker runs on queue.url: stop it first, or use `demo --into DIR`");
    }
    Ok(())
}

/// What the store holds, if anything.
async fn holdings(store: &Database) -> anyhow::Result<Option<String>> {
    // Before the first migration there is nothing to ask, and nothing to find.
    let schema = store.migrate_status().await.unwrap_or_default();
    if !schema.iter().any(|migration| migration.applied) {
        return Ok(None);
    }
    let totals = store.ledger().await?;
    let settled = totals.persisted + totals.duplicate + totals.dead_letter + totals.discarded;
    let oldest = store.oldest().await?;
    let since = oldest.map(|hour| format!(", the first of {}", hour.day())).unwrap_or_default();
    Ok((settled > 0 || oldest.is_some()).then(|| format!("{settled} events{since}")))
}

/// Whether a worker still gives signs of life: those of one that has stopped get older.
async fn is_worked_on(opened: &Opened, clock: &ManualClock) -> anyhow::Result<bool> {
    let before = opened.queue.workers().await?;
    if before.is_empty() {
        return Ok(false);
    }
    tokio::time::sleep(SIGNS).await;
    clock.advance(SIGNS);
    let now = opened.queue.workers().await?;
    let older =
        |sign: &Heartbeat| before.iter().any(|b| b.worker == sign.worker && b.age < sign.age);
    Ok(!now.iter().all(older))
}
