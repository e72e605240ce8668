//! Makes the files of the pages what is sent: minified, named after their content, and compressed
//! once instead of at every request. They are embedded, so that the binary is all there is.

use std::fmt::Write as _;
use std::hash::Hasher;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use siphasher::sip128::{Hasher128, SipHasher24};

/// Strongest and slowest: it runs once a build.
const BROTLI_QUALITY: i32 = 11;
/// Bits of the window of brotli: more than any file here.
const BROTLI_WINDOW: i32 = 18;

fn main() {
    println!("cargo:rerun-if-changed=static");
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let css =
        minifier::css::minify(&read("style.css")).expect("style.css is a stylesheet").to_string();
    let js = minifier::js::minify(&read("page.js")).to_string();
    let mut code = String::new();
    for (name, file, kind, content) in [
        ("STYLE", "style.css", "text/css; charset=utf-8", css),
        ("SCRIPT", "page.js", "text/javascript; charset=utf-8", js),
        ("ICON", "icon.svg", "image/svg+xml", read("icon.svg")),
    ] {
        let (stem, suffix) = file.split_once('.').expect("the names above have one");
        let short = fingerprint(content.as_bytes());
        let paths = ["", ".br", ".gz"].map(|coding| out.join(format!("{file}{coding}")));
        write(&paths[0], content.as_bytes());
        write(&paths[1], &brotli(content.as_bytes()));
        write(&paths[2], &gzip(content.as_bytes()));
        writeln!(
            code,
            "pub(super) static {name}: Asset = Asset {{ name: \"{stem}-{short}.{suffix}\", kind: {kind:?}, \
             plain: include_bytes!({:?}), brotli: include_bytes!({:?}), gzip: include_bytes!({:?}) }};",
            paths[0], paths[1], paths[2]
        )
        .expect("writing to a string does not fail");
    }
    write(&out.join("assets.rs"), code.as_bytes());
}

fn read(file: &str) -> String {
    let path = Path::new("static").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn write(path: &Path, content: &[u8]) {
    std::fs::write(path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Twelve hex digits that change when the content does.
fn fingerprint(content: &[u8]) -> String {
    let mut hasher = SipHasher24::new();
    hasher.write(content);
    format!("{:032x}", hasher.finish128().as_u128()).chars().take(12).collect()
}

fn brotli(content: &[u8]) -> Vec<u8> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: BROTLI_WINDOW,
        ..Default::default()
    };
    let mut coded = Vec::new();
    brotli::BrotliCompress(&mut &*content, &mut coded, &parameters)
        .expect("writing to memory does not fail");
    coded
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}
