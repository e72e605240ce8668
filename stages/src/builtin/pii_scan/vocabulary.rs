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
    /// Nothing, although some of its words do: `user_agent`.
    Harmless,
    /// Text that people type, in which names and places stand alone.
    Typed,
    /// A version or section number.
    Version,
    /// The name of a member whose value stands beside it: `{"key": "city", "value": "…"}`.
    Names,
    /// The value of such a member.
    Value,
    /// Times that something took: numbers below are no personal data, whatever they are of.
    Duration,
    /// A measurement.
    Measure,
    /// A thing that has a name of its own.
    Thing,
    /// An abscissa (0) or an ordinate (1), when it is the whole key.
    Axis(usize),
}

use Entity::{
    Address, BirthDate, Card, Coordinates, DeviceId, Email, Hostname, Iban, Ip, Location, Mac,
    NationalId, PersonName, Phone, PostalCode, Secret, UserId, Vehicle, Wallet,
};
use Meaning::{
    Axis, Claims, Duration, Harmless, Measure, Names, Personal, Thing, Typed, Value, Version,
};
use Place::{Anywhere, Last, Whole};

#[rustfmt::skip]
const WORDS: &[(Meaning, &[&str])] = &[
    (Personal(Coordinates, Anywhere), &[
        "lat", "latitude", "lon", "lng", "longitude", "coord", "coords", "coordinate", "coordinates",
        "latlng", "latlon", "lonlat", "lnglat", "latlong", "lat_long", "geohash", "geo_hash", "gps",
        "geolocation", "geo_location", "geojson", "bbox", "bounding_box", "centroid", "mgrs", "utm",
        "plus_code", "pluscode", "open_location_code", "olc", "what_3_words", "w_3_w", "what3words",
        "quadkey", "quad_key", "maidenhead", "grid_square", "gridsquare", "gridpoint", "h_3", "h_3_index",
        "s_2_cell", "s_2", "easting", "northing", "lats", "lons", "lngs",
        "latitud", "longitud", "breitengrad", "längengrad", "laengengrad", "breite", "länge", "geo_lat", "geo_lon",
        "latitudine", "longitudine", "coordenadas", "coordonnées", "koordinaten", "koordinat", "breddegrad",
        "lengdegrad", "latitudee", "longitudee", "szerokość", "długość", "enlem", "boylam", "緯度", "経度", "纬度",
        "经度", "經度", "座標", "坐标", "위도", "경도", "좌표", "широта", "долгота", "координаты", "أحداثيات", "خط_العرض",
        "خط_الطول", "अक्षांश", "देशांतर", "ละติจูด", "ลองจิจูด", "γεωγραφικό_πλάτος",
    ]),
    (Personal(Coordinates, Whole), &["long", "geo", "geopoint", "geo_point", "latlngs", "position", "locator"]),
    (Personal(Location, Anywhere), &[
        "location", "locations", "city", "town", "village", "suburb", "neighborhood", "neighbourhood",
        "municipality", "cities", "towns", "hometown", "home_town", "birthplace", "place_name", "placename", "cityname",
        "region_name", "county_name", "state_name", "locality", "borough", "whereabouts", "locale_city",
        "ciudad", "ville", "stadt", "cidade", "città", "citta", "localidad", "ubicación", "ubicacion", "localização",
        "localizacao", "lieu", "ort", "wohnort", "ortsname", "standort", "gemeinde", "miasto", "miejscowość",
        "város", "město", "mesto", "stad", "plaats", "woonplaats", "by_navn", "kaupunki", "şehir", "sehir", "ilçe",
        "lokasi", "kota", "oraș", "πόλη", "город", "населенный_пункт", "место", "місто", "град", "都市", "市区町村",
        "都道府県", "住所地", "場所", "城市", "地点", "位置", "도시", "위치", "مدينة", "المدينة", "शहर", "เมือง", "thành_phố",
    ]),
    (Personal(Location, Last), &[
        "place", "county", "province", "district", "alias", "near", "nearest_station", "provincia", "municipio",
        "commune", "kommune", "bairro", "quartier", "landkreis", "poi",
    ]),
    (Personal(Address, Anywhere), &[
        "address", "addresses", "street", "addr", "streetaddress", "house_number", "housenumber", "adresse", "adres",
        "adresa", "adress", "dirección", "direccion", "domicilio", "endereço", "endereco", "indirizzo", "strasse",
        "straße", "strase", "hausnummer", "calle", "rue", "rua", "gata", "ulica", "osoite", "alamat", "住所", "地址",
        "주소", "адрес", "улица", "عنوان", "पता", "διεύθυνση",
    ]),
    (Personal(PostalCode, Anywhere), &[
        "zip", "zipcode", "postal", "postcode", "postalcode", "post_code", "pin_code", "pincode", "plz",
        "postleitzahl", "cep", "codigo_postal", "código_postal", "code_postal", "postnummer", "postinumero", "eircode",
        "kod_pocztowy", "psč", "irányítószám", "郵便番号", "邮编", "邮政编码", "우편번호", "индекс", "почтовый_индекс",
    ]),
    (Personal(PostalCode, Whole), &["cap", "cp"]),
    (Personal(Email, Anywhere), &[
        "email", "emails", "e_mail", "mailto", "correo", "emailaddress", "courriel", "sähköposti", "epost", "e_post",
        "reply_to", "replyto", "メール", "メールアドレス", "邮箱", "电子邮件", "電郵", "이메일", "почта", "эл_почта", "имейл", "بريد",
    ]),
    (Personal(Email, Last), &["mail", "recipient", "cc", "bcc"]),
    (Personal(Phone, Anywhere), &[
        "phone", "phones", "telephone", "msisdn", "phonenumber", "telefon", "telefono", "teléfono", "telefone",
        "téléphone", "telefoonnummer", "telefonnummer", "rufnummer", "handynummer", "celular", "móvil", "movil",
        "contact_number", "mobile_number", "cell_number", "fax", "whatsapp", "puhelin", "電話", "電話番号", "电话", "手机",
        "手机号", "전화", "전화번호", "телефон", "هاتف", "फोन", "τηλέφωνο",
    ]),
    (Personal(Phone, Last), &["tel", "mobile", "cellphone", "cell"]),
    (Personal(Ip, Anywhere), &[
        "ip", "ips", "ipv", "ipaddress", "ip_address", "ip_addr", "remote_addr", "remote_address", "client_addr",
        "client_address", "peer_addr", "remote_ip", "clientip", "forwarded_for", "x_forwarded_for", "x_real_ip",
        "dirección_ip", "adresse_ip",
    ]),
    (Personal(Mac, Anywhere), &["mac", "mac_address", "mac_addr", "macaddress", "bssid", "hwaddr", "hw_addr"]),
    (Personal(Hostname, Anywhere), &[
        "hostname", "host_name", "machine_name", "computer_name", "computername", "device_name", "nodename",
        "workstation", "netbios", "fqdn", "rechnername",
    ]),
    (Personal(PersonName, Whole), &["name", "names", "fio", "nome", "naam", "nazwisko", "imię", "who", "imya"]),
    (Personal(PersonName, Anywhere), &[
        "first_name", "firstname", "last_name", "lastname", "full_name", "fullname", "middle_name", "given_name",
        "givenname", "family_name", "familyname", "maiden_name", "surname", "nickname", "nick_name", "display_name",
        "real_name", "customer_name", "contact_name", "person_name", "patient_name", "owner_name", "author_name",
        "legal_name", "forename", "sender_name", "recipient_name", "vorname", "nachname", "nombre", "apellido",
        "apellidos", "prénom", "prenom", "nom_de_famille", "cognome", "sobrenome", "voornaam", "achternaam", "förnamn",
        "efternamn", "fornavn", "etternavn", "etunimi", "sukunimi", "jméno", "keresztnév", "soyadı", "adı_soyadı",
        "氏名", "名前", "姓名", "名字", "이름", "성명", "имя", "фамилия", "отчество", "фио", "اسم", "الاسم", "नाम", "όνομα",
    ]),
    (Personal(PersonName, Last), &["author", "owner", "assignee", "requester"]),
    (Personal(UserId, Anywhere), &[
        "user_id", "userid", "user_name", "username", "user_hash", "user_key", "user_uuid", "uid", "uuid_user",
        "account_id", "accountid", "account_name", "account_uuid", "customer_id", "customerid", "customer_uuid",
        "member_id", "memberid", "visitor_id", "visitorid", "subscriber", "subscriber_id", "profile_id", "person_id",
        "patient_id", "employee_id", "employee_number", "student_id", "login", "login_name", "screen_name", "usuario",
        "benutzer", "benutzername", "utilisateur", "utente", "gebruiker", "gebruikersnaam", "użytkownik", "ユーザー",
        "用户", "用户名", "사용자", "пользователь", "логин", "distinct_id", "anonymous_id", "owner_id", "tenant_id",
        "contact_id", "client_uid", "twitter_handle", "instagram", "telegram_id", "discord_id", "slack_id",
    ]),
    (Personal(UserId, Last), &["user", "customer"]),
    (Personal(DeviceId, Anywhere), &[
        "device_id", "deviceid", "device_uuid", "machine_id", "machineid", "install_id", "installid",
        "installation_id", "advertising_id", "ad_id", "android_id", "hardware_id", "serial_number", "serialnumber",
        "device_serial", "gaid", "idfa", "idfv", "aaid", "udid", "imei", "imsi", "iccid", "meid", "client_uuid",
        "client_id", "browser_id", "device_fingerprint", "machine_guid", "ssid", "wifi_name",
    ]),
    (Personal(NationalId, Anywhere), &[
        "ssn", "social_security", "passport", "passport_number", "national_id", "nationalid", "tax_id", "taxid",
        "tax_number", "tin", "itin", "steuer_id", "steuernummer", "nino", "national_insurance", "nhs", "nhs_number",
        "nif", "nie", "dni", "npi", "mbi", "medicare", "medicaid", "codice_fiscale", "partita_iva", "driver_license",
        "driver_licence", "drivers_license", "drivers_licence", "driving_licence", "driving_license", "license_number",
        "licence_number", "resident_registration", "rrn", "pesel", "aadhaar", "aadhar", "voter_id", "pan_number",
        "pan_card", "cpf", "cnpj", "curp", "nric", "personnummer", "fødselsnummer", "fodselsnummer", "cpr",
        "henkilötunnus", "hetu", "bsn", "tfn", "tax_file", "abn", "acn", "identity_card", "id_card", "id_number",
        "identity_number", "ausweisnummer", "personalausweis", "reisepass", "sozialversicherungsnummer", "ahv",
        "insee", "numéro_de_sécurité", "medical_license", "medical_record", "mrn", "insurance_number", "kimlik",
        "マイナンバー", "身份证", "身份证号", "주민등록번호", "инн", "снилс", "паспорт",
    ]),
    (Personal(BirthDate, Anywhere), &[
        "dob", "birthday", "birthdate", "birth_date", "date_of_birth", "birthyear", "birth_year", "year_of_birth",
        "geburtsdatum", "geburtstag", "fecha_de_nacimiento", "fecha_nacimiento", "nacimiento", "date_de_naissance",
        "naissance", "data_de_nascimento", "nascimento", "data_di_nascita", "fødselsdato", "födelsedatum",
        "生年月日", "出生日期", "생년월일", "дата_рождения", "age_and_sex", "sex", "gender",
    ]),
    (Personal(Card, Anywhere), &[
        "card_number", "cardnumber", "credit_card", "creditcard", "debit_card", "cvv", "cvc", "card_no", "ccn",
        "kreditkarte", "tarjeta", "carte_bancaire",
    ]),
    (Personal(Card, Whole), &["pan"]),
    (Personal(Iban, Anywhere), &[
        "iban", "bank_account", "account_number", "routing_number", "sort_code", "kontonummer", "bic", "swift_code",
    ]),
    (Personal(Wallet, Anywhere), &["wallet", "wallet_address", "btc_address", "eth_address"]),
    (Personal(Vehicle, Anywhere), &[
        "vehicle_registration", "registration_plate", "license_plate", "licence_plate", "number_plate", "plate_number",
        "vin", "kennzeichen", "matrícula", "matricula", "immatriculation", "targa",
    ]),
    (Personal(Secret, Anywhere), &[
        "password", "passwords", "passwd", "passphrase", "passcode", "pwd", "secret", "secrets", "api_key", "apikey",
        "api_keys", "x_api_key", "access_key", "private_key", "secret_key", "account_key", "signing_key",
        "encryption_key", "authorization", "cookie", "cookies", "credential", "credentials", "phpsessid", "jsessionid",
        "sessid", "jwt", "appid", "accountkey", "token", "authtoken", "accesstoken", "otp", "totp", "dsn",
        "connection_string", "connectionstring", "database_url", "subscription_key", "csrf", "xsrf", "webhook_url",
        "contraseña", "contrasena", "passwort", "kennwort", "mot_de_passe", "senha", "wachtwoord", "lösenord", "salasana",
        "hasło", "haslo", "heslo", "şifre", "sifre", "パスワード", "密码", "密碼", "비밀번호", "пароль", "токен",
    ]),
    (Personal(Secret, Last), &["bearer", "sig", "signature", "auth", "apitoken"]),

    (Harmless, &[
        "mac_os", "macos", "token_type", "token_count", "token_budget", "token_usage", "token_limit", "tokens_used", "user_agent",
        "street_level", "street_view", "location_services", "address_family", "address_space", "city_lights",
        "postal_service", "cell_size", "cell_count", "grid_cell", "cell_id", "unit_name", "phone_alerts", "auth_mode",
        "cap_alert", "mobile_app", "utm_source", "utm_medium", "utm_campaign", "signature_algorithm", "token_bucket", "rate_limit_token", "ip_stack", "sin_curve",
        "zip_archive", "mac_mini", "location_type", "password_policy", "cookie_policy", "contact_form", "user_locale",
    ]),
    (Typed, &[
        "query", "q", "search", "alias", "note", "notes", "label", "labels", "description", "desc", "comment",
        "comments", "message", "msg", "text", "input", "title", "caption", "tag", "tags", "keyword", "keywords",
        "term", "prompt", "question", "detail", "details", "reason", "hint", "memo", "remark", "bio", "subject",
        "body", "consulta", "búsqueda", "buscar", "suche", "notiz", "recherche", "nota", "поиск", "検索", "搜索",
        "error", "exception", "stack", "trace", "err",
    ]),

    (Names, &["key", "field", "param", "parameter", "header", "attribute", "property", "k", "column"]),
    (Value, &["value", "val", "v", "content", "data", "wert", "valor", "valeur"]),

    (Claims(Claim::Number), &[
        "count", "counts", "length", "len", "size", "bytes", "ms", "seconds", "total", "max", "min", "limit",
        "index", "radius", "num", "age", "ttl", "depth", "width", "height",
    ]),
    (Claims(Claim::Word), &[
        "type", "kind", "source", "cache", "family", "version", "precision", "format", "status", "mode", "level",
        "provider", "required", "detected", "enabled", "disabled", "supported", "configured", "provided", "present",
        "set", "missing", "valid", "error", "alias", "consent", "policy", "style", "fmt", "lookup", "method", "used",
        "changed", "allowed", "scanning", "field", "state", "accuracy", "encoding", "units", "strategy", "resolver",
        "visibility", "verified", "optional", "hidden", "rotation", "scope",
    ]),
    (Claims(Claim::Digest), &["hash", "digest", "sha", "checksum", "hashed", "hmac"]),
    (Version, &[
        "version", "ver", "build", "release", "firmware", "section", "oid", "revision", "semver", "chrome", "firefox",
        "safari", "kernel", "driver",
    ]),
    (Duration, &[
        "timing", "timings", "duration", "durations", "latency", "latencies", "elapsed", "times", "millis",
    ]),
    (Measure, &[
        "timing", "timings", "time", "times", "ms", "weight", "weights", "interval", "resolution", "score", "scores",
        "threshold", "thresholds", "percent", "percentile", "percentiles", "load", "mm", "range", "bounds", "rate",
        "rates", "ratio", "quantiles", "duration", "durations", "cpu", "mem", "memory", "temp", "temps", "temperature",
        "temperatures", "wind", "gust", "gusts", "rain", "precip", "precipitation", "pressure", "humidity", "wave",
        "waves", "level", "levels", "speed", "speeds", "latency", "latencies", "usage", "values", "stats", "histogram",
        "buckets", "samples", "series", "minmax", "min_max", "limits", "cost", "price", "dims", "size", "scale",
    ]),
    (Thing, &[
        "client", "clientinfo", "client_info", "tool", "server", "model", "runtime", "layer", "product", "package",
        "stage", "sdk", "app", "agent", "browser", "os", "storm", "theme", "satellite", "provider", "event", "phase",
        "hurricane", "typhoon", "font", "color", "colour", "palette", "library", "plugin", "codename", "editor",
        "license", "licence", "timezone", "tz", "locale", "language", "month", "season", "weekday", "host_app", "unit",
        "dataset", "feature", "platform", "geocoder",
    ]),
    (Axis(0), &["x", "a", "e", "east"]),
    (Axis(1), &["y", "b", "n", "north"]),
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
            assert!(word.chars().all(|c| c == '_' || c.is_alphanumeric() || is_mark(c)), "{word}");
            assert_eq!(word.to_lowercase(), word);
        }
    }

    /// Vowel signs of Indic and Thai scripts belong to their letters.
    fn is_mark(c: char) -> bool {
        matches!(c, '\u{900}'..='\u{e7f}')
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
