//! The words that the rule on keys knows: one table, ordered by what the words announce.
//!
//! Words are lower case; words that belong together are joined by `_`.

use super::finding::Entity;

/// Where in a key words must stand to have their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Anywhere: `city` in `home_city_name`.
    Anywhere,
    /// At the end: `user` in `github_user`, but not in `user_agent`.
    Last,
    /// Alone: `name`, but not `layer_name`.
    Whole,
}

/// The form of a value that shows that its key only talks about personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// A small number: `location_count: 3`.
    Number,
    /// A small number or one short lower-case word: `address_family: ipv6`.
    Word,
    /// A hex or base64 digest: `user_hash`.
    Digest,
}

/// What words mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Personal data stands under the key.
    Personal(Entity, Place),
    /// The key talks about data, if the value has this form.
    Claims(Claim),
    /// A version or section number.
    Version,
    /// A measurement.
    Measure,
    /// A thing that has a name of its own.
    Thing,
    /// An abscissa (0) or an ordinate (1), when it is the whole key.
    Axis(usize),
}

use Entity::{
    Address, BirthDate, Card, Coordinates, DeviceId, Email, Hostname, Iban, Ip, Location, Mac,
    NationalId, PersonName, Phone, PostalCode, Secret, UserId,
};
use Meaning::{Axis, Claims, Measure, Personal, Thing, Version};
use Place::{Anywhere, Last, Whole};

#[rustfmt::skip]
const WORDS: &[(Meaning, &[&str])] = &[
    (Personal(Coordinates, Anywhere), &[
        "lat", "latitude", "lon", "lng", "longitude", "coord", "coords", "coordinate", "coordinates",
        "latlng", "latlon", "lonlat", "geohash", "gps", "latitud", "longitud", "breitengrad",
        "längengrad", "緯度", "経度", "широта", "долгота",
    ]),
    (Personal(Coordinates, Whole), &["long", "geo", "geopoint", "geo_point"]),
    (Personal(Location, Anywhere), &[
        "location", "locations", "city", "town", "village", "suburb", "neighborhood", "neighbourhood",
        "municipality", "ciudad", "ville", "stadt", "cidade", "città", "region_name", "county_name",
        "state_name", "place_name", "placename", "cityname",
    ]),
    (Personal(Location, Last), &["place", "county", "province", "district", "hometown"]),
    (Personal(Address, Anywhere), &[
        "address", "addresses", "street", "addr", "streetaddress", "house_number", "adresse",
        "dirección", "direccion", "strasse", "straße",
    ]),
    (Personal(PostalCode, Anywhere), &[
        "zip", "zipcode", "postal", "postcode", "postalcode", "post_code", "pin_code", "pincode",
        "plz", "postleitzahl", "cep", "codigo_postal",
    ]),
    (Personal(Email, Anywhere), &["email", "emails", "e_mail", "mailto", "correo", "emailaddress"]),
    (Personal(Email, Last), &["mail"]),
    (Personal(Phone, Anywhere), &[
        "phone", "phones", "telephone", "msisdn", "phonenumber", "telefon", "telefono", "teléfono",
        "contact_number", "mobile_number", "cell_number", "fax",
    ]),
    (Personal(Phone, Last), &["tel", "mobile", "cellphone"]),
    (Personal(Ip, Anywhere), &[
        "ip", "ips", "ipv", "ipaddress", "ip_address", "ip_addr", "remote_addr", "remote_address",
        "client_addr", "client_address", "forwarded_for", "x_forwarded_for",
    ]),
    (Personal(Mac, Anywhere), &["mac_address", "mac_addr", "macaddress", "bssid"]),
    (Personal(Mac, Whole), &["mac"]),
    (Personal(Hostname, Anywhere), &[
        "hostname", "host_name", "machine_name", "computer_name", "computername", "ssid",
    ]),
    (Personal(PersonName, Whole), &["name", "names", "fio"]),
    (Personal(PersonName, Anywhere), &[
        "first_name", "firstname", "last_name", "lastname", "full_name", "fullname", "middle_name",
        "given_name", "family_name", "maiden_name", "surname", "nickname", "nick_name", "display_name",
        "real_name", "customer_name", "contact_name", "person_name", "patient_name", "owner_name",
        "author_name", "vorname", "nachname", "nombre", "apellido", "prénom", "氏名",
    ]),
    (Personal(PersonName, Last), &["author"]),
    (Personal(UserId, Anywhere), &[
        "user_id", "userid", "user_name", "username", "user_hash", "user_key", "uid", "uuid_user",
        "account_id", "accountid", "account_name", "customer_id", "customerid", "member_id",
        "visitor_id", "visitorid", "subscriber", "profile_id", "person_id", "patient_id",
        "employee_id", "login", "usuario",
    ]),
    (Personal(UserId, Last), &["user"]),
    (Personal(DeviceId, Anywhere), &[
        "device_id", "deviceid", "machine_id", "machineid", "install_id", "installation_id",
        "advertising_id", "android_id", "hardware_id", "serial_number", "gaid", "idfa", "idfv", "imei",
        "imsi",
    ]),
    (Personal(NationalId, Anywhere), &[
        "ssn", "social_security", "passport", "national_id", "nationalid", "tax_id", "steuer_id",
        "nino", "nif", "npi", "codice_fiscale", "driver_license", "drivers_license",
        "driving_licence", "resident_registration", "pesel", "aadhaar", "cpf",
    ]),
    (Personal(BirthDate, Anywhere), &[
        "dob", "birthday", "birthdate", "birth_date", "date_of_birth", "geburtsdatum",
    ]),
    (Personal(Card, Anywhere), &["card_number", "cardnumber", "credit_card", "creditcard", "cvv", "cvc"]),
    (Personal(Card, Whole), &["pan"]),
    (Personal(Iban, Anywhere), &["iban", "bank_account"]),
    (Personal(Secret, Anywhere), &[
        "password", "passwd", "passphrase", "pwd", "secret", "api_key", "apikey", "x_api_key",
        "access_key", "private_key", "secret_key", "account_key", "signing_key", "encryption_key",
        "authorization", "cookie", "cookies", "credential", "credentials", "phpsessid", "jsessionid",
        "jwt", "contraseña", "passwort", "appid", "accountkey",
    ]),
    (Personal(Secret, Last), &["token", "bearer", "sig", "signature", "auth"]),

    (Claims(Claim::Number), &[
        "count", "counts", "length", "len", "size", "bytes", "ms", "seconds", "total", "max", "min",
        "limit", "index", "radius",
    ]),
    (Claims(Claim::Word), &[
        "type", "kind", "source", "cache", "family", "version", "precision", "format", "status", "mode",
        "level", "provider", "required", "detected", "enabled", "disabled", "supported", "configured",
        "provided", "present", "set", "missing", "valid", "error",
    ]),
    (Claims(Claim::Digest), &["hash", "digest", "sha", "checksum", "fingerprint"]),
    (Version, &[
        "version", "ver", "build", "release", "firmware", "section", "oid", "revision", "semver",
    ]),
    (Measure, &[
        "timing", "timings", "time", "times", "ms", "weight", "weights", "interval", "resolution",
        "score", "scores", "threshold", "thresholds", "percent", "percentile", "percentiles", "load",
        "mm", "range", "bounds", "rate", "rates", "ratio", "quantiles", "duration", "durations",
    ]),
    (Thing, &[
        "client", "clientinfo", "tool", "server", "model", "runtime", "layer", "product", "package",
        "stage", "sdk", "app", "agent", "browser", "os",
    ]),
    (Axis(0), &["x", "a", "e", "east", "easting"]),
    (Axis(1), &["y", "b", "n", "north", "northing"]),
];

/// Every word with its meaning.
pub(super) fn vocabulary() -> impl Iterator<Item = (&'static str, Meaning)> {
    WORDS.iter().flat_map(|(meaning, words)| words.iter().map(|word| (*word, *meaning)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_as_keys_are_split() {
        for (word, _) in vocabulary() {
            let parts = word.split('_').count();
            assert!((1..=3).contains(&parts) && !word.contains("__"), "{word}");
            assert!(word.chars().all(|c| c == '_' || c.is_alphabetic()), "{word}");
            assert_eq!(word.to_lowercase(), word);
        }
    }

    #[test]
    fn no_word_announces_two_kinds_of_data() {
        let mut personal: Vec<_> = vocabulary()
            .filter(|(_, meaning)| matches!(meaning, Personal(..)))
            .map(|(word, _)| word)
            .collect();
        let all = personal.len();
        personal.sort_unstable();
        personal.dedup();
        assert_eq!(personal.len(), all);
    }
}
