//! A reason takes a sentence, never an event or a value as sent.

use stages::event::{RawEvent, RawJson};
use stages::{Code, Pointer, Reason};

fn event(code: Code, event: RawEvent<'static>) -> Reason {
    Reason::new(code, Pointer::ROOT, event)
}

fn value(code: Code, value: RawJson<'static>) -> Reason {
    Reason::new(code, Pointer::ROOT, value)
}

fn main() {}
