//! A scanned event may be shown, written down and passed on.

use stages::ports::{Append, DeadLetter};
use stages::{Code, Entry, Hour, Pointer, Reason, Scanned};

fn show(event: &Scanned) -> String {
    format!("{event:?}")
}

fn write(event: &Scanned) -> serde_json::Result<String> {
    serde_json::to_string(event)
}

async fn append(queue: &dyn Append, entry: &Entry, event: Scanned) {
    let entry = Entry { events: vec![event], ..entry.clone() };
    let _ = queue.append(&entry).await;
}

fn bury(event: &Scanned, received: Hour, code: Code) -> DeadLetter<'_> {
    DeadLetter { code, sqlstate: None, event, received }
}

fn reason(code: Code) -> Reason {
    Reason::new(code, Pointer::ROOT, "a sentence")
}

fn main() {
    let _ = (show, write, append, bury, reason);
}
