//! The wall around personal data: what must not compile.
//!
//! Events as sent can be neither written down nor passed on, and nobody but the scan can make the
//! form that can. Each file in `ui/` tries one way through; the compiler's refusal is kept beside it.

use stages::ports::{Append, DeadLetter};
use stages::{Code, Entry, Hour, Pointer, Reason, Scanned};

#[test]
fn raw_events_cannot_get_past_the_scan() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

/// The same deeds with a scanned event compile, so that the files in `ui/` fail for the event alone.
#[test]
fn scanned_events_can_be_shown_and_passed_on() {
    fn show(event: &Scanned) -> String {
        format!("{event:?}")
    }
    fn write(event: &Scanned) -> serde_json::Result<String> {
        serde_json::to_string(event)
    }
    async fn append(queue: &dyn Append, entry: &Entry, event: Scanned) -> bool {
        let entry = Entry { events: vec![event], ..entry.clone() };
        queue.append(&entry).await.is_ok()
    }
    fn bury(event: &Scanned, received: Hour, code: Code) -> DeadLetter<'_> {
        DeadLetter { code, sqlstate: None, event, received }
    }
    let _: fn(&Scanned) -> String = show;
    let _: fn(&Scanned) -> serde_json::Result<String> = write;
    let _ = append;
    let _: fn(&Scanned, Hour, Code) -> DeadLetter<'_> = bury;
    let reason = Reason::new(Code::new("a_code"), Pointer::ROOT, "a sentence");
    assert_eq!(reason.message, "a sentence");
}
