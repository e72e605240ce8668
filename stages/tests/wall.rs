//! The wall around personal data: what must not compile.
//!
//! Events as sent can be neither written down nor passed on, and nobody but the scan can make the
//! form that can. Each file in `ui/` tries one way through; the compiler's refusal is kept beside it.

#[test]
fn raw_events_cannot_get_past_the_scan() {
    let cases = trybuild::TestCases::new();
    // The same set-up without a crime compiles, so that the others fail for their crime alone.
    cases.pass("tests/ui/pass_scanned_event.rs");
    cases.compile_fail("tests/ui/fail_*.rs");
}
