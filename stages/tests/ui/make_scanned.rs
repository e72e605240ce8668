//! Nobody but the scan makes a scanned event.

use stages::Scanned;

fn by_constructor() -> Scanned {
    Scanned::new(todo!(), todo!())
}

fn by_literal() -> Scanned {
    Scanned(todo!())
}

fn by_restoring() -> Scanned {
    Scanned::restore(todo!())
}

fn main() {}
