//! Words within text that announce personal data: `passport`, `zip`, `tel`.
//!
//! One automaton over all of them reads a text once; detectors whose data has no form of its own
//! (a few digits) ask where such a word stands. Words stand alone: `sink` does not announce a pin.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

/// A kind of announcement, as one bit.
pub(super) type Context = u16;

/// The number of a document, an insurance or a tax account.
pub(super) const NATIONAL: Context = 1;
/// A postal code.
pub(super) const POSTAL: Context = 1 << 1;
/// A telephone.
pub(super) const PHONE: Context = 1 << 2;
/// A person's or an account's identifier.
pub(super) const USER: Context = 1 << 3;
/// A device's identifier.
pub(super) const DEVICE: Context = 1 << 4;
/// A password or key.
pub(super) const SECRET: Context = 1 << 5;
/// A date of birth.
pub(super) const BIRTH: Context = 1 << 6;
/// A vehicle's registration.
pub(super) const VEHICLE: Context = 1 << 7;
/// A bank account.
pub(super) const BANK: Context = 1 << 8;
/// A weather phenomenon that has a name.
pub(super) const STORM: Context = 1 << 9;

#[rustfmt::skip]
const WORDS: &[(Context, &[&str])] = &[
    (NATIONAL, &[
        "ssn", "social security", "social insurance", "national insurance", "insurance number", "nino",
        "nhs", "passport", "travel document", "national id", "national identification", "identity card",
        "id card", "identity number", "identification number", "personal number", "tax id", "taxpayer",
        "tax file", "tfn", "tin", "itin", "abn", "acn", "medicare", "medicaid", "npi", "mbi", "pesel",
        "nif", "nie", "dni", "nipc", "rut", "curp", "cpf", "cnpj", "cuil", "cuit", "aadhaar", "aadhar",
        "uidai", "pan card", "permanent account", "voter id", "epic number", "voter", "nric", "uen",
        "steuer-id", "steuerid", "steuernummer", "steuer", "steueridentifikationsnummer",
        "sozialversicherungsnummer", "personalausweis", "reisepass", "ausweisnummer", "svnr", "ahv",
        "codice fiscale", "partita iva", "carta d'identita", "passaporto", "patente",
        "pasaporte", "pasaport", "passeport", "passaporte", "paspoort", "numero de identificacion",
        "número de identificación", "extranjero", "numéro de sécurité sociale", "nir", "insee",
        "personnummer", "samordningsnummer", "fodselsnummer", "fødselsnummer", "cpr", "henkilotunnus",
        "henkilötunnus", "hetu", "bsn", "burgerservicenummer", "rijksregister", "rodne cislo",
        "rodné číslo", "cnp", "egn", "oib", "jmbg", "tc kimlik", "kimlik", "resident registration",
        "rrn", "주민등록번호", "my number", "マイナンバー", "身份证", "身份證", "снилс", "инн", "паспорт",
        "driver license", "driver's license", "drivers license", "driving licence", "driving license",
        "driver licence", "driver's licence", "license number", "licence number", "führerschein",
        "permis de conduire", "licencia de conducir", "medical license", "dea number", "dea",
        "health card", "health insurance", "patient", "mrn", "medical record", "provider number",
        "laissez-passer", "green card", "visa number", "work permit", "residence permit",
    ]),
    (POSTAL, &[
        "zip", "zip code", "zipcode", "postcode", "post code", "postal code", "postal", "plz",
        "postleitzahl", "cep", "code postal", "codigo postal", "código postal", "pincode",
        "pin code", "postnummer", "kod pocztowy", "psč", "weather", "forecast", "eircode", "郵便番号",
        "邮编", "우편번호", "индекс",
    ]),
    (PHONE, &[
        "phone", "telephone", "tel", "call", "mobile", "cell", "cellphone", "fax", "whatsapp", "sms",
        "text me", "msisdn", "number is", "dial", "telefon", "telefono", "teléfono", "téléphone",
        "móvil", "movil", "celular", "cellulare", "contact number",
        "電話", "电话", "전화", "телефон",
    ]),
    (USER, &[
        "user", "userid", "username", "user name", "account", "customer", "member", "visitor",
        "subscriber", "login", "logged in as", "uid", "usuario", "benutzer", "utilisateur", "client id",
        "profile", "signed in as", "handle",
    ]),
    (DEVICE, &[
        "device", "deviceid", "machine", "install", "installation", "advertising", "imei", "imsi",
        "iccid", "meid", "serial", "serial number", "s/n", "udid", "idfa", "gaid", "androidid", "android id",
    ]),
    (SECRET, &[
        "password", "pass word", "passwd", "pwd", "passphrase", "pass phrase", "passcode", "pass code",
        "secret", "api key", "api-key", "api_key", "apikey", "access key", "access token", "auth token",
        "secret key", "private key", "token", "pin", "otp", "passwort", "kennwort", "contraseña",
        "contrasena", "mot de passe", "senha", "wachtwoord", "lösenord", "hasło", "пароль", "密码",
        "cookie", "set-cookie", "credentials", "credential", "session", "authorization",
    ]),
    (BIRTH, &[
        "born", "dob", "d.o.b", "birthday", "birthdate", "date of birth", "birth date", "geboren",
        "geburtsdatum", "né le", "née le", "nacido", "nacimiento", "nascimento", "nato il", "født",
    ]),
    (VEHICLE, &[
        "plate", "license plate", "licence plate", "number plate", "registration", "vehicle", "vin",
        "kennzeichen", "matrícula", "immatriculation", "targa",
    ]),
    (BANK, &[
        "bank account", "account number", "account no", "routing", "routing number", "aba", "sort code",
        "kontonummer", "cuenta",
    ]),
    (STORM, &[
        "typhoon", "hurricane", "storm", "cyclone", "tropical", "theme", "moon", "watch", "warning",
    ]),
];

static AUTOMATON: LazyLock<(AhoCorasick, Vec<Context>)> = LazyLock::new(|| {
    let words = || WORDS.iter().flat_map(|(class, words)| words.iter().map(|word| (*class, *word)));
    let automaton = AhoCorasickBuilder::new()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .build(words().map(|(_, word)| word))
        .expect("a few hundred short words are within every limit of the automaton");
    (automaton, words().map(|(class, _)| class).collect())
});

/// A word that announces something.
#[derive(Clone, Copy)]
pub(super) struct Announcement {
    /// What it announces.
    pub(super) class: Context,
    /// Where it begins and ends, in bytes.
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The announcing words of a text, in order.
pub(super) fn announcements(text: &str) -> impl Iterator<Item = Announcement> + '_ {
    let (automaton, classes) = &*AUTOMATON;
    automaton.find_iter(text).filter_map(|hit| {
        let inner = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let before = text.get(..hit.start()).and_then(|head| head.chars().next_back());
        let after = text.get(hit.end()..).and_then(|tail| tail.chars().next());
        let class = *classes.get(hit.pattern().as_usize())?;
        (!inner(before) && !inner(after)).then_some(Announcement {
            class,
            start: hit.start(),
            end: hit.end(),
        })
    })
}

/// Everything that the words of a text announce.
pub(super) fn contexts(text: &str) -> Context {
    announcements(text).fold(0, |all, one| all | one.class)
}

/// Bytes after an announcement in which the data is expected.
const AFTER: usize = 48;
/// Bytes before it.
const BEFORE: usize = 24;

/// The parts of a text that stand near a word of a class: what follows, then what precedes.
pub(super) fn near(text: &str, class: Context) -> impl Iterator<Item = &str> {
    announcements(text).filter(move |one| one.class & class != 0).flat_map(move |one| {
        [
            floor(text, one.end, one.end + AFTER),
            floor(text, one.start.saturating_sub(BEFORE), one.start),
        ]
    })
}

/// What of a text lies between two places, less a character that is cut.
fn floor(text: &str, start: usize, end: usize) -> &str {
    let boundary = |mut at: usize, step: isize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at = at.saturating_add_signed(step);
        }
        at
    };
    text.get(boundary(start, 1)..boundary(end, -1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_announce_where_they_stand_alone() {
        for (text, want) in [
            ("SSN: 1", NATIONAL),
            ("Steuer-ID 1", NATIONAL),
            ("PLZ 1, Tel. 2", POSTAL | PHONE),
            ("sink, lessn, telemetry", 0),
            ("zipped archive", 0),
            ("Número de identificación", NATIONAL),
            ("pin code 1", POSTAL),
            ("", 0),
        ] {
            assert_eq!(contexts(text), want, "{text}");
        }
    }

    #[test]
    fn near_is_what_follows_and_what_precedes() {
        let text = format!("é{} passport {}ü", "a".repeat(60), "b".repeat(60));
        let parts: Vec<_> = near(&text, NATIONAL).collect();
        assert_eq!(parts.len(), 2);
        assert!(parts[0].starts_with(" b") && parts[0].len() == AFTER);
        assert!(parts[1].ends_with("a ") && parts[1].len() == BEFORE);
        assert_eq!(near("no word", NATIONAL).count(), 0);
    }
}
