//! The canaries: what personal data and secrets look like, and the clothes in which they come.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Stands in every canary that can hold letters. No word of any language, and in no file by chance.
pub(super) const MARK: &str = "qzjxvkw";

/// Canaries that hold no letters of choice, or their beginnings.
pub(super) const NUMBERS: [&str; 10] = [
    "4539148803436467",
    "4539 1488 0343 6467",
    "47.60621318",
    "122.33207192",
    "+14155550133",
    "9c:35:5b:5f:4c:d7",
    "DE89370400440532013000",
    "DE89 3704 0044 0532 0130 00",
    "198.51.100.",
    "2001:db8:6b5f:",
];

/// One text of every kind.
pub(super) fn texts() -> Vec<String> {
    let marked = [
        "{}.doe@leak.example",
        "https://user:{}@leak.example/path?token={}",
        "/home/{}/.config/secret",
        "C:\\Users\\{}\\Desktop",
        "sk-{}A1b2C3d4E5f6G7h8I9j0K1l2",
        "eyJhbGciOiJIUzI1NiJ9.{}.c2lnbmF0dXJl",
        "Mr. {} Smith, 12 {} Street",
        "{}-laptop.local",
        "-----BEGIN PRIVATE KEY----- {}",
        "{} says <b>hello</b> \u{202e}{}\u{200b}",
    ];
    let numbers = [
        "4539 1488 0343 6467",
        "4539148803436467",
        "47.60621318,-122.33207192",
        "+14155550133",
        "9c:35:5b:5f:4c:d7",
        "DE89 3704 0044 0532 0130 00",
        "198.51.100.77",
        "2001:db8:6b5f:7::7",
    ];
    let marked = marked.into_iter().enumerate();
    let marked = marked.map(|(number, text)| text.replace("{}", &format!("{MARK}{number}")));
    marked.chain(numbers.map(ToOwned::to_owned)).collect()
}

/// The clothes: as it is, percent-encoded once and twice, base64, JSON in a string, full width, and
/// shouted.
pub(super) const CLOTHES: [fn(&str) -> String; 7] = [
    str::to_owned,
    percent,
    |text| percent(&percent(text)),
    base64,
    json,
    full_width,
    str::to_uppercase,
];

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn base64(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

fn json(text: &str) -> String {
    serde_json::json!({ "email": text, text: [text] }).to_string()
}

fn full_width(text: &str) -> String {
    let wide = |letter: char| match letter {
        '!'..='~' => char::from_u32(u32::from(letter) + 0xfee0).unwrap(),
        other => other,
    };
    text.chars().map(wide).collect()
}

/// Every form in which a core of a canary may lie in a file: the clothes above in any case, without
/// separators, as hex digits, escaped, and base64 wherever in the text it began.
pub(super) fn forms(core: &str) -> Vec<Vec<u8>> {
    let bare: String = core.chars().filter(|letter| !" :.+-".contains(*letter)).collect();
    let mut forms = vec![core.to_owned(), percent(core), percent(&percent(core)), full_width(core)];
    if bare.len() > 9 || bare == core {
        forms.push(bare);
    }
    forms.push(core.bytes().map(|byte| format!("{byte:02x}")).collect());
    forms.push(core.chars().map(|letter| format!("\\u{:04x}", u32::from(letter))).collect());
    for before in 0..3 {
        // The letters that the neighbours have a part in are left out.
        let encoded = base64(&format!("{}{core}", "x".repeat(before)));
        let whole = (before + core.len()) / 3 * 4;
        forms.push(encoded.get((before * 8).div_ceil(6)..whole).unwrap().to_owned());
    }
    let utf16 = core.encode_utf16().flat_map(u16::to_le_bytes).collect();
    forms.into_iter().map(String::into_bytes).chain([utf16]).collect()
}

#[test]
fn a_canary_is_found_in_all_its_clothes() {
    let search = super::search::Search::new();
    for text in texts() {
        for dress in CLOTHES {
            for around in ["", "a", "ab"] {
                let mut found = Vec::new();
                let dressed = dress(&format!("{around}{text}"));
                search.bytes("", format!("some {dressed} thing").as_bytes(), &mut found);
                assert!(!found.is_empty(), "{dressed}");
            }
        }
    }
}
