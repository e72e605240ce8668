//! An event as sent cannot be shown, so it cannot stand in a log line or a span: their fields take
//! what has `Debug` or `Display`.

use std::fmt::{Debug, Display};

use stages::event::{Member, RawEvent, RawJson};

fn debug_field(_: &dyn Debug) {}

fn display_field(_: &dyn Display) {}

fn event(event: &RawEvent<'_>) {
    debug_field(event);
    display_field(event);
}

fn member(member: &Member<'_>) {
    debug_field(member);
    display_field(member);
}

fn value(value: &RawJson<'_>) {
    debug_field(value);
    display_field(value);
}

fn main() {}
