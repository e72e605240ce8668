//! The codes of everything that can be wrong with a configuration. They are stable: scripts and
//! searches rely on them. docs/diagnostics.md is made from this table.

use std::fmt;

macro_rules! codes {
    ($($variant:ident $name:literal: $meaning:literal, $fix:literal;)*) => {
        /// What kind of mistake a problem is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The code as it is printed: `snake_case`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it means, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }

            /// What to do about it, in a sentence.
            pub const fn fix(self) -> &'static str {
                match self { $(Self::$variant => $fix,)* }
            }
        }
    };
}

codes! {
    UnreadableFile "unreadable_file":
        "The file, or one that it names, is not there or may not be read.",
        "Correct the path or the file's permissions; `--config` names another configuration.";
    FileTooLarge "file_too_large":
        "The file, or one that it names, is larger than it can need to be (1 MiB).",
        "Check that the path is that of the right file; `--config` names the configuration.";
    NotUtf8 "not_utf8":
        "The file is not UTF-8 text.",
        "Save it as UTF-8 in the editor.";
    YamlSyntax "yaml_syntax":
        "The file is not valid YAML.",
        "Check indentation, colons, quotes and brackets at the place that is shown.";
    SeveralDocuments "several_documents":
        "A line `---` begins a second document.",
        "Remove that line, or what is not needed.";
    TooDeep "too_deep":
        "Lists and sections are nested deeper than a configuration can need.",
        "Compare the file with the shipped pipeline.yaml.";
    AmbiguousYaml "ambiguous_yaml":
        "YAML readers disagree about what a value says.",
        "Write the value in quotes, on one line.";
    KeyNotText "key_not_text":
        "A bracket stands where a key should.",
        "Close the bracket before it, or put it in quotes if it is a key.";
    NoAnchors "no_anchors":
        "Anchors (`&name`), aliases (`*name`) and merge keys (`<<`) are not supported.",
        "Write the value itself; text that begins with `&` or `*` needs quotes.";
    NoTags "no_tags":
        "Tags (`!name`) are not supported.",
        "Remove the tag; text that begins with `!` needs quotes.";
    DuplicateKey "duplicate_key":
        "A key stands twice in its section.",
        "Keep one of the two.";
    UnknownKey "unknown_key":
        "There is no section or key of this name here.",
        "Correct the spelling, or remove it; docs/configuration.md lists every key.";
    MissingKey "missing_key":
        "A section lacks a key that it needs.",
        "Add the key, or remove the section.";
    WrongType "wrong_type":
        "A value has the wrong type, such as text where a number belongs.",
        "Write a value of the type that the message names.";
    InvalidValue "invalid_value":
        "A value has the right type but cannot be read.",
        "Write it in the form that the message names.";
    OutOfRange "out_of_range":
        "A number or duration is too small or too large.",
        "Choose one within the limits that the message names.";
    InvalidUrl "invalid_url":
        "A URL or an origin is not complete, or of another kind.",
        "Write it as the message shows.";
    UnsupportedUrl "unsupported_url":
        "The URL names a service that this build does not speak.",
        "Name one that it does, as the message shows.";
    InvalidSetting "invalid_setting":
        "A setting of a stage cannot work, on its own or with the stage's others.",
        "Change it as the message says.";
    UnknownStage "unknown_stage":
        "There is no stage of this name.",
        "Correct the spelling; the message lists the stages.";
    WrongList "wrong_list":
        "The stage belongs in the other list.",
        "Move it there.";
    WrongOrder "wrong_order":
        "The stage stands before one that it needs, or after the end.",
        "Move it as the message says.";
    MissingStage "missing_stage":
        "The list lacks a stage without which events do not reach its end.",
        "Add the stage.";
    RepeatedLabel "repeated_label":
        "Two stages of a list have the same name.",
        "Remove one, or give it a `label` of its own.";
    NoDryRun "no_dry_run":
        "The stage cannot run dry, because later stages rely on it.",
        "Remove `dry_run`.";
    TooShort "too_short":
        "Data would be deleted while late events can still change it.",
        "Keep it longer, or accept events for a shorter time.";
    TooLong "too_long":
        "A part of a period is as long as the whole.",
        "Shorten the part, or lengthen the whole.";
    SameAddress "same_address":
        "Two listeners have the same address.",
        "Give each a port of its own.";
    SameFile "same_file":
        "Queue and store are the same file.",
        "Give each a file of its own.";
    Volatile "volatile":
        "A database in memory would forget everything at exit.",
        "Name a file, or set `queue.allow_volatile: true` if losing data is fine.";
    NoCertificate "no_certificate":
        "The file of `server.tls.cert` holds no certificate in PEM form.",
        "Name the file with the whole chain, for instance fullchain.pem.";
    DamagedCertificate "damaged_certificate":
        "A certificate in the file of `server.tls.cert` cannot be read.",
        "Compare it with what was issued; it must be X.509 version 3 and complete.";
    NoPrivateKey "no_private_key":
        "The file of `server.tls.key` holds no private key in PEM form, or one with a passphrase.",
        "Name the file with the key, for instance privkey.pem, without a passphrase.";
    UnsupportedKey "unsupported_key":
        "The private key is damaged, or of a kind that cannot be used.",
        "Use ECDSA on P-256 or P-384, Ed25519, or RSA with 2048 to 8192 bits.";
    KeyMismatch "key_mismatch":
        "The private key does not belong to the first certificate of the chain.",
        "Name two files that were made together; the server's own certificate comes first.";
    UnknownVariable "unknown_variable":
        "An environment variable has the form of a setting and fits none.",
        "Correct the spelling, or unset it; docs/configuration.md lists every variable.";
    MissingVariable "missing_variable":
        "The file refers to an environment variable that is not set.",
        "Set it, or give a default: `${NAME:-default}`.";
    MalformedVariable "malformed_variable":
        "A `${` does not begin a reference to an environment variable.",
        "Write `${NAME}` or `${NAME:-default}`.";
}

impl Code {
    /// The code of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
