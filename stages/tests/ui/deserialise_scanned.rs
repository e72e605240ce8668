//! A scanned event is read back by the codec of queue entries alone.

fn read(text: &str) -> serde_json::Result<stages::Scanned> {
    serde_json::from_str(text)
}

fn main() {}
