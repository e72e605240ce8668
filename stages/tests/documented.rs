//! The operator's page on personal data names every type and every detector.
//!
//! `UPDATE=1 cargo test -p stages --test documented` writes the table anew.

use std::path::Path;

use stages::{Entity, Scanner};

const BEGIN: &str = "<!-- generated: UPDATE=1 cargo test -p stages --test documented -->\n";
const END: &str = "<!-- end -->";

fn table() -> String {
    let mut table = String::from("| Type | What it is | Detectors |\n|---|---|---|\n");
    for &entity in Entity::ALL {
        let detectors = Scanner::detectors().filter(|(_, found)| *found == entity);
        let names: Vec<String> = detectors.map(|(name, _)| format!("`{name}`")).collect();
        let names = if names.is_empty() { "by its key".to_owned() } else { names.join(", ") };
        let names = if entity == Entity::Custom { "your own".to_owned() } else { names };
        let about = entity.about().trim().trim_end_matches('.');
        table.push_str(&format!("| `{}` | {about} | {names} |\n", entity.as_str()));
    }
    table
}

#[test]
fn the_page_names_every_type_and_detector() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/personal-data.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    let want = format!("{head}{BEGIN}{}{END}{tail}", table());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &want).unwrap();
    }
    assert!(page == want || std::env::var_os("UPDATE").is_some(), "run again with UPDATE=1");
}
