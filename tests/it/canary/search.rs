//! Searches every byte of what an installation leaves behind.

use std::fs;
use std::path::{Path, PathBuf};

use regex::bytes::{Regex, RegexBuilder};

use super::kinds::{MARK, NUMBERS, forms};

/// What is looked for.
pub(super) struct Search {
    canaries: Regex,
    addresses: Regex,
}

impl Search {
    pub(super) fn new() -> Self {
        let cores = std::iter::once(MARK).chain(NUMBERS);
        let forms: Vec<String> = cores.flat_map(forms).map(|form| literal(&form)).collect();
        // In text, in bytes, and as hex digits: the network in which the test's IPv6 clients are.
        let network = [r"2001:0?db8:6b5f:", r"\x20\x01\x0d\xb8\x6b\x5f", "20010db86b5f"];
        let canaries = format!("{}|{}", forms.join("|"), network.join("|"));
        let addresses = r"127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}";
        let build = |pattern: &str| {
            let mut regex = RegexBuilder::new(pattern);
            regex.unicode(false).case_insensitive(true).size_limit(100 << 20).build().unwrap()
        };
        Self { canaries: build(&canaries), addresses: build(addresses) }
    }

    /// Every file in a folder, names included.
    pub(super) fn folder(&self, folder: &Path, found: &mut Vec<String>) {
        for path in files(folder) {
            let name = path.display().to_string();
            // One that is gone by now, or is a socket, holds nothing.
            let Ok(bytes) = fs::read(&path) else { continue };
            self.bytes("a name", name.as_bytes(), found);
            self.bytes(&name, &bytes, found);
        }
    }

    /// Some bytes.
    pub(super) fn bytes(&self, what: &str, bytes: &[u8], found: &mut Vec<String>) {
        // The servers listen there themselves, and say so.
        let own = |found: &[u8]| [&b"127.0.0.1"[..], b"127.0.0.0"].contains(&found);
        let addresses = self.addresses.find_iter(bytes).filter(|hit| !own(hit.as_bytes()));
        for hit in self.canaries.find_iter(bytes).chain(addresses).take(3) {
            let from = hit.start().saturating_sub(60);
            let around = &bytes[from..(hit.end() + 60).min(bytes.len())];
            found.push(format!("{what}: …{}…", around.escape_ascii()));
        }
    }
}

/// Whether a file of which the path contains this holds some bytes.
pub(crate) fn holds(folder: &Path, file: &str, bytes: &[u8]) -> bool {
    let wanted = Regex::new(&literal(bytes)).unwrap();
    let named = files(folder).into_iter().filter(|path| path.display().to_string().contains(file));
    named.into_iter().any(|path| fs::read(path).is_ok_and(|all| wanted.is_match(&all)))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(self::files(&entry.path())),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
    files
}

fn literal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!(r"(?-u:\x{byte:02x})")).collect()
}
