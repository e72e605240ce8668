//! What a scan reports: the kind of personal data and its place, never the value.

use schemars::JsonSchema;
use serde::Deserialize;

use super::config::Action;
use crate::verdict::Pointer;

/// Defines the kinds of personal data in one list.
macro_rules! entities {
    ($(#[doc = $doc:literal] $variant:ident = $name:literal),* $(,)?) => {
        /// A kind of personal data.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema,
        )]
        pub enum Entity { $(#[doc = $doc] #[serde(rename = $name)] $variant),* }

        impl Entity {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The kind in words.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => $doc),* }
            }

            /// What stands in place of a text that held such data.
            pub const fn placeholder(self) -> &'static str {
                match self { $(Self::$variant => concat!("[", $name, "]")),* }
            }

            /// The kind as it is shown in answers and reports.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

entities! {
    /// A street address.
    Address = "ADDRESS",
    /// A payment card number.
    Card = "CARD",
    /// A position on earth, however written.
    Coordinates = "COORDINATES",
    /// What a detector of the operator's own found.
    Custom = "CUSTOM",
    /// A date of birth.
    BirthDate = "BIRTH_DATE",
    /// An identifier of a device or an installation.
    DeviceId = "DEVICE_ID",
    /// An e-mail address.
    Email = "EMAIL",
    /// The name of a machine.
    Hostname = "HOSTNAME",
    /// A bank account number.
    Iban = "IBAN",
    /// A network address.
    Ip = "IP",
    /// The name of a place finer than a country.
    Location = "LOCATION",
    /// A hardware address.
    Mac = "MAC",
    /// A number that a state gave to a person.
    NationalId = "NATIONAL_ID",
    /// A file path that carries a user's name.
    Path = "PATH",
    /// A person's name.
    PersonName = "PERSON_NAME",
    /// A telephone number.
    Phone = "PHONE",
    /// A postal code.
    PostalCode = "POSTAL_CODE",
    /// A password, key or token.
    Secret = "SECRET",
    /// An identifier of a person or an account.
    UserId = "USER_ID",
    /// The registration of a vehicle.
    Vehicle = "VEHICLE",
    /// An address of a digital currency.
    Wallet = "WALLET",
}

/// Personal data at a place of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding<'s> {
    /// The place. Keys that are input are shown as `*`.
    pub pointer: Pointer,
    /// What it is.
    pub entity: Entity,
    /// The detector that found it: `key` for the rule on keys, else a detector's name.
    pub detector: &'s str,
    /// What it does to its event.
    pub action: Action,
    /// How the place can be mended.
    pub(super) edit: Edit,
    /// The place as positions: of the event's member, and in each container below it.
    pub(super) path: Vec<usize>,
}

/// How a place can be mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// A placeholder in place of the value.
    Replace,
    /// Without the member: its key is part of the finding.
    Drop,
}

/// What a scan of one event found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings<'s> {
    /// Personal data, in the order of the event.
    pub found: Vec<Finding<'s>>,
    /// The event is nested deeper, or has more values, than is examined; the rest was not looked at.
    pub too_deep: bool,
}
