//! A dead letter holds no event as sent.

use stages::event::RawEvent;
use stages::ports::DeadLetter;
use stages::{Code, Hour};

fn bury<'a>(event: &'a RawEvent<'a>, received: Hour, code: Code) -> DeadLetter<'a> {
    DeadLetter { code, sqlstate: None, event, received }
}

fn main() {}
