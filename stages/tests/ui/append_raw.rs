//! The queue takes no event as sent, neither bare nor in an entry.

use stages::Entry;
use stages::event::RawEvent;
use stages::ports::Append;

async fn bare(queue: &dyn Append, event: &RawEvent<'_>) {
    let _ = queue.append(event).await;
}

fn in_entry(entry: &Entry, event: RawEvent<'_>) -> Entry {
    Entry { events: vec![event], ..entry.clone() }
}

fn main() {}
