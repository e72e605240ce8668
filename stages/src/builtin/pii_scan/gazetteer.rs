//! Words that are told by a list: common given names, well-known towns, states and countries, and
//! terms of the field that look like names.
//!
//! The lists are short on purpose. They add certainty to what the form of a text suggests; nothing
//! is found because of a list alone, but towns in text that people type.

/// Common given names of many countries, less those that are also words of the field.
#[rustfmt::skip]
const GIVEN_NAMES: &[&str] = &[
    "aaron", "abdul", "abdullah", "abigail", "adam", "aditya", "adriana", "agnes", "ahmad", "ahmed", "aiko", "aisha",
    "akira", "alan", "albert", "alberto", "alejandra", "alejandro", "aleksandr", "alessandro", "alex", "alexander",
    "alexandra", "alfred", "ali", "alice", "alicia", "alison", "aliyah", "amanda", "amelia", "amina", "amir", "amit",
    "amy", "ana", "anastasia", "anders", "andrea", "andreas", "andrei", "andrew", "andrzej", "angela", "anika",
    "anil", "anita", "anja", "anna", "anne", "annika", "anthony", "antoine", "anton", "antonio", "anya", "arjun",
    "arthur", "arun", "asha", "ashley", "astrid", "ayesha", "barbara", "beatrice", "ben", "benjamin", "bernard",
    "beth", "betty", "bianca", "bilal", "birgit", "bob", "boris", "brandon", "brenda", "brian", "bruno", "caitlin",
    "camila", "camille", "carl", "carla", "carlos", "carmen", "carol", "caroline", "catherine", "cecilia", "charles",
    "chen", "chiara", "chloe", "chris", "christian", "christina", "christine", "christopher", "claire", "clara",
    "claudia", "colin", "craig", "cristina", "cynthia", "daisuke", "dan", "daniel", "daniela", "david", "deborah",
    "deepak", "denise", "dennis", "diana", "diego", "dieter", "dimitri", "dmitri", "dmitry", "dominik", "donald",
    "donna", "dorothy", "douglas", "edith", "eduardo", "edward", "eileen", "eleanor", "elena", "elias", "elif",
    "elizabeth", "ella", "ellen", "elsa", "emeka", "emil", "emily", "emma", "eric", "erik", "erika", "ernst",
    "esther", "ethan", "eva", "evelyn", "fabian", "fabio", "fatima", "fatma", "felipe", "felix", "fernanda",
    "fernando", "fiona", "francesca", "francesco", "francisco", "frank", "franz", "fred", "frederik", "friedrich",
    "gabriel", "gabriela", "gareth", "gary", "george", "gerhard", "giovanni", "giulia", "giuseppe", "gloria",
    "gonzalo", "greta", "guillaume", "gunnar", "gustav", "hana", "hanako", "hannah", "hans", "haruto", "hassan",
    "heather", "heidi", "heinrich", "helen", "helena", "henrik", "henry", "hiroshi", "hugo", "hussein", "ian",
    "ibrahim", "ignacio", "igor", "ines", "ingrid", "irene", "irina", "isaac", "isabel", "isabella", "ivan", "jack",
    "jacob", "jacqueline", "jakub", "james", "jamie", "jane", "janet", "jasmine", "jason", "javier", "jean",
    "jeffrey", "jennifer", "jens", "jeremy", "jessica", "jesus", "joan", "joanna", "joanne", "joao", "johan",
    "johann", "johanna", "john", "jonas", "jonathan", "jorge", "jose", "josef", "joseph", "joshua", "josé", "joão",
    "juan", "judith", "julia", "julian", "julie", "jun", "jurgen", "justin", "jürgen", "kaito", "karen", "karin",
    "karl", "katarina", "kate", "katherine", "kathleen", "katie", "kavita", "keiko", "keith", "kelly", "kenji",
    "kenneth", "kenta", "kerstin", "kevin", "khadija", "khalid", "klaus", "kofi", "kristina", "krzysztof", "kumar",
    "kwame", "kyle", "lakshmi", "larry", "lars", "laura", "lauren", "laurent", "leah", "leila", "lena", "leo", "leon",
    "leonardo", "leticia", "liam", "lina", "linda", "lisa", "louis", "louise", "luca", "lucas", "lucia", "lucy",
    "luis", "luisa", "lukas", "magdalena", "magnus", "maja", "malik", "manuel", "marco", "marcos", "marcus",
    "margaret", "margarita", "maria", "marie", "marina", "mario", "marta", "martha", "martin", "martina", "mary",
    "maría", "mateo", "mathieu", "matteo", "matthew", "matthias", "maurice", "max", "maximilian", "maya", "mehmet",
    "mei", "melanie", "melissa", "michael", "michaela", "michal", "michel", "michelle", "miguel", "mika", "mikael",
    "mikhail", "mina", "ming", "miriam", "mohamed", "mohammad", "mohammed", "mona", "monica", "monika", "muhammad",
    "mustafa", "nadia", "nancy", "naoko", "naomi", "natalia", "natalie", "natasha", "neha", "nicholas", "nicola",
    "nicolas", "nicole", "niels", "nikita", "nikolai", "nils", "nina", "noah", "noor", "nora", "olaf", "oleg", "olga",
    "oliver", "olivia", "omar", "oscar", "otto", "pablo", "pamela", "paolo", "patricia", "patrick", "paul", "paula",
    "paulo", "pavel", "pedro", "peter", "petra", "philip", "philipp", "philippe", "pierre", "piotr", "priya",
    "rachel", "rafael", "rahul", "raj", "rajesh", "ralf", "ramon", "raquel", "rashid", "raul", "ravi", "rebecca",
    "renate", "rene", "ricardo", "richard", "rita", "robert", "roberta", "roberto", "robin", "rodrigo", "roger",
    "roland", "rosa", "rosemary", "rui", "ruth", "ryan", "sabine", "saeed", "sakura", "salma", "samantha", "samir",
    "samuel", "sandra", "sanjay", "santiago", "sara", "sarah", "sato", "scott", "sean", "sebastian", "sergei",
    "sergio", "seung", "shirley", "silvia", "simon", "simone", "sofia", "sophia", "sophie", "stefan", "stefanie",
    "stephanie", "stephen", "steven", "sunil", "susan", "susanne", "suzanne", "sven", "svetlana", "sylvia", "takashi",
    "takeshi", "tamara", "tanaka", "tanya", "tariq", "tatiana", "teresa", "thabo", "theresa", "thomas", "tim",
    "timothy", "tobias", "tom", "tomas", "tomasz", "tommy", "tony", "tyler", "ulrich", "umar", "ursula", "valentina",
    "valeria", "vanessa", "vera", "veronica", "vijay", "vikram", "viktor", "vincent", "vladimir", "walter", "wei",
    "wendy", "werner", "wilhelm", "willem", "william", "wolfgang", "xavier", "xiaoming", "yan", "yasmin", "yolanda",
    "yosef", "youssef", "yuki", "yuko", "yulia", "yusuf", "zainab", "zara", "zhang", "zoe", "zofia",
];

/// Well-known towns.
#[rustfmt::skip]
const PLACES: &[&str] = &[
    "aachen", "aberdeen", "abidjan", "abu dhabi", "acapulco", "accra", "adana", "addis ababa", "adelaide", "agra",
    "ahmedabad", "albuquerque", "aleppo", "alexandria", "algiers", "almaty", "amman", "amsterdam", "anchorage",
    "ankara", "antalya", "antwerp", "antwerpen", "arequipa", "asheville", "aspen", "asuncion", "asunción", "athens",
    "atlanta", "auckland", "austin", "baghdad", "baku", "baltimore", "bamako", "bandung", "bangalore", "bangkok",
    "barcelona", "basel", "beijing", "beirut", "belfast", "belgrade", "belo horizonte", "bengaluru", "bergen",
    "berlin", "bern", "bilbao", "birmingham", "bogota", "bogotá", "bologna", "bordeaux", "boston", "boulder",
    "brasilia", "brasília", "bratislava", "bremen", "brighton", "brisbane", "bristol", "brno", "brooklyn", "brussels",
    "bruxelles", "bucharest", "budapest", "buenos aires", "buffalo", "bursa", "busan", "cairo", "calgary", "cali",
    "canberra", "cancun", "cancún", "cape town", "caracas", "cardiff", "cartagena", "casablanca", "charleston",
    "charlotte", "chennai", "chicago", "chongqing", "christchurch", "cincinnati", "cleveland", "cologne", "colombo",
    "colorado springs", "columbus", "copacabana", "copenhagen", "cordoba", "curitiba", "cusco", "córdoba", "dakar",
    "dallas", "damascus", "dar es salaam", "debrecen", "delhi", "denver", "des moines", "detroit", "dhaka", "doha",
    "dortmund", "dresden", "dubai", "dublin", "dubrovnik", "duisburg", "durban", "durham", "dusseldorf", "düsseldorf",
    "edinburgh", "edmonton", "eindhoven", "el paso", "essen", "fairbanks", "flagstaff", "florianopolis",
    "florianópolis", "frankfurt", "freiburg", "fresno", "fukuoka", "galway", "gdansk", "gdańsk", "geneva", "genoa",
    "ghent", "glasgow", "gothenburg", "granada", "graz", "grenoble", "guadalajara", "guangzhou", "guayaquil",
    "göteborg", "haifa", "halifax", "hamburg", "hannover", "hanoi", "hanover", "harare", "havana", "heidelberg",
    "helsinki", "hiroshima", "ho chi minh city", "hobart", "hong kong", "honolulu", "houston", "hyderabad", "ibadan",
    "incheon", "indianapolis", "innsbruck", "inverness", "islamabad", "istanbul", "izmir", "jaipur", "jakarta",
    "jeddah", "jerusalem", "johannesburg", "juneau", "kabul", "kampala", "kansas city", "karachi", "kathmandu",
    "kazan", "kharkiv", "khartoum", "kiev", "kigali", "kingston", "kinshasa", "knoxville", "kobe", "kolkata",
    "krakow", "kraków", "kuala lumpur", "kyiv", "kyoto", "la paz", "lagos", "lahore", "lake tahoe", "las vegas",
    "lausanne", "leeds", "leicester", "leipzig", "lille", "lima", "linz", "lisboa", "lisbon", "liverpool",
    "ljubljana", "london", "los angeles", "louisville", "luanda", "lucknow", "lusaka", "luxor", "lyon", "maastricht",
    "madrid", "malaga", "malmo", "malmö", "managua", "manaus", "manchester", "manhattan", "manila", "mannheim",
    "maputo", "maracaibo", "marrakech", "marrakesh", "marseille", "medellin", "medellín", "melbourne", "memphis",
    "mexico city", "miami", "milan", "milano", "milwaukee", "minneapolis", "minsk", "mombasa", "monterrey",
    "montevideo", "montreal", "montréal", "moscow", "mumbai", "munich", "murmansk", "muscat", "málaga", "münchen",
    "nagasaki", "nagoya", "nairobi", "nantes", "naples", "napoli", "nashville", "new delhi", "new orleans",
    "new york", "newcastle", "novosibirsk", "nuremberg", "nürnberg", "oakland", "odesa", "odessa", "oklahoma city",
    "omaha", "oporto", "osaka", "oslo", "ottawa", "oxford", "palermo", "palo alto", "paris", "pasadena", "perth",
    "philadelphia", "phnom penh", "pittsburgh", "porto", "porto alegre", "poznan", "poznań", "prague", "praha",
    "pretoria", "pune", "pyongyang", "quebec", "quito", "rabat", "raleigh", "rawalpindi", "recife", "reykjavik",
    "reykjavík", "richmond", "riga", "rio de janeiro", "riyadh", "roma", "rome", "rosario", "rotterdam", "sacramento",
    "salt lake city", "salvador", "salzburg", "samarkand", "san antonio", "san diego", "san francisco", "san jose",
    "san juan", "santa fe", "santiago", "santo domingo", "sao paulo", "sapporo", "sarajevo", "saskatoon", "savannah",
    "seattle", "sendai", "seoul", "sevilla", "seville", "shanghai", "sheffield", "shenzhen", "sofia", "southampton",
    "springfield", "st louis", "stavanger", "stockholm", "strasbourg", "stuttgart", "suva", "sydney", "szczecin",
    "são paulo", "taipei", "tallinn", "tampa", "tampere", "tangier", "tashkent", "tbilisi", "tehran", "tel aviv",
    "telluride", "thessaloniki", "tianjin", "tijuana", "timbuktu", "tokyo", "toledo", "toronto", "toulouse", "tromso",
    "tromsø", "trondheim", "tucson", "tulsa", "tunis", "turin", "turku", "ulaanbaatar", "uppsala", "utrecht", "vaduz",
    "valencia", "valletta", "valparaiso", "valparaíso", "vancouver", "venice", "verona", "vienna", "vilnius",
    "vladivostok", "warsaw", "warszawa", "wellington", "wien", "winnipeg", "wroclaw", "wrocław", "wuhan", "yangon",
    "yellowstone", "yerevan", "yokohama", "yosemite", "zagreb", "zaragoza", "zurich", "zürich", "łódź",
];

/// States and provinces of large countries, their abbreviations, and countries.
#[rustfmt::skip]
const REGIONS: &[&str] = &[
    "ab", "ak", "al", "alabama", "alaska", "alberta", "ar", "argentina", "arizona", "arkansas", "australia",
    "austria", "az", "bangladesh", "bavaria", "bayern", "bc", "belgium", "berlin", "bolivia", "brazil",
    "british columbia", "bulgaria", "ca", "california", "canada", "chile", "china", "co", "colombia", "colorado",
    "connecticut", "croatia", "ct", "cuba", "cyprus", "czechia", "dc", "de", "delaware", "denmark", "deutschland",
    "ecuador", "egypt", "england", "estonia", "ethiopia", "finland", "fl", "florida", "france", "ga", "georgia",
    "germany", "ghana", "greece", "guatemala", "hawaii", "hessen", "hi", "hungary", "ia", "iceland", "id", "idaho",
    "il", "illinois", "in", "india", "indiana", "indonesia", "iowa", "iran", "iraq", "ireland", "israel", "italy",
    "jamaica", "japan", "jordan", "kansas", "kazakhstan", "kentucky", "kenya", "ks", "kuwait", "ky", "la", "latvia",
    "lebanon", "lithuania", "london", "louisiana", "luxembourg", "ma", "maine", "malaysia", "malta", "manitoba",
    "maryland", "massachusetts", "mb", "md", "me", "mexico", "mi", "michigan", "minnesota", "mississippi", "missouri",
    "mn", "mo", "montana", "morocco", "ms", "mt", "nc", "nd", "ne", "nebraska", "nepal", "netherlands", "nevada",
    "new hampshire", "new jersey", "new mexico", "new york", "new zealand", "nh", "nigeria", "nj", "nm",
    "north carolina", "north dakota", "northern ireland", "norway", "nova scotia", "ns", "nsw", "nv", "ny", "oh",
    "ohio", "ok", "oklahoma", "on", "ontario", "or", "oregon", "pa", "pakistan", "panama", "paraguay", "paris",
    "pennsylvania", "peru", "philippines", "poland", "portugal", "qatar", "qc", "qld", "quebec", "queensland",
    "rhode island", "ri", "romania", "russia", "rwanda", "sachsen", "saskatchewan", "sc", "scotland", "sd", "senegal",
    "serbia", "singapore", "sk", "slovakia", "slovenia", "somalia", "south africa", "south carolina", "south dakota",
    "south korea", "spain", "sri lanka", "sudan", "sweden", "switzerland", "syria", "taiwan", "tanzania", "tas",
    "tasmania", "tennessee", "texas", "thailand", "tirol", "tn", "tokyo", "tunisia", "turkey", "tx", "uganda", "uk",
    "ukraine", "united kingdom", "united states", "uruguay", "usa", "ut", "utah", "va", "venezuela", "vermont", "vic",
    "victoria", "vietnam", "virginia", "vt", "wa", "wales", "washington", "west virginia", "wi", "wisconsin", "wv",
    "wy", "wyoming", "zambia", "zimbabwe",
];

/// Capitalised words that name neither people nor places.
#[rustfmt::skip]
const TERMS: &[&str] = &[
    "a", "admin", "advisory", "air", "alert", "alerts", "all", "antarctic", "api", "april", "arctic", "army", "ascii",
    "assistant", "atlantic", "august", "aurora", "bad", "beta", "blizzard", "blue", "bot", "bright", "bst", "cache",
    "canada", "caribbean", "celsius", "cet", "chrome", "claude", "clear", "client", "cloud", "clouds", "cloudy",
    "code", "cold", "complete", "connection", "could", "crescent", "cst", "csv", "current", "cursor", "daily", "dark",
    "data", "day", "days", "december", "default", "delete", "dense", "desktop", "dew", "dns", "does", "drizzle",
    "dust", "east", "eastern", "ecmwf", "edt", "error", "est", "europe", "event", "everyone", "excessive", "extreme",
    "fahrenheit", "failed", "false", "february", "file", "fire", "first", "flash", "flood", "fog", "folks",
    "forecast", "freeze", "freezing", "friday", "frost", "full", "gale", "get", "gfs", "gibbous", "global", "gmt",
    "good", "google", "green", "grib", "gust", "gusts", "hail", "haze", "heat", "heavy", "hello", "high", "hourly",
    "html", "http", "https", "humidity", "hurricane", "ice", "icon", "id", "imagery", "in", "indian", "internal",
    "invalid", "ip", "ipv4", "ipv6", "january", "json", "july", "june", "kelvin", "lake", "lambda", "last",
    "latitude", "light", "lightning", "linux", "location", "longitude", "low", "mac", "march", "marine", "may",
    "mediterranean", "metar", "metric", "microsoft", "mist", "moderate", "monday", "moon", "mostly", "mst", "nan",
    "netcdf", "network", "networkerror", "new", "nifc", "no", "noaa", "node", "none", "north", "northeast",
    "northern", "northwest", "not", "november", "null", "nws", "object", "october", "ok", "openmeteo", "outlook",
    "overcast", "pacific", "parse", "parseerror", "particulate", "partly", "pdt", "polar", "post", "postgres",
    "pressure", "pst", "put", "python", "quality", "quarter", "rain", "rainviewer", "red", "redis", "request",
    "response", "river", "rust", "saturday", "sea", "september", "server", "service", "severe", "short", "shower",
    "showers", "sleet", "snow", "south", "southeast", "southern", "southwest", "sql", "sqlite", "ssl", "station",
    "status", "storm", "studio", "summer", "sunday", "sunrise", "sunset", "support", "surface", "surge", "tcp",
    "team", "temperature", "test", "the", "thunderstorm", "thursday", "tide", "timeout", "timeouterror", "tls",
    "tool", "tornado", "tropical", "true", "tsunami", "tuesday", "type", "typhoon", "ubuntu", "udp", "undefined",
    "unicode", "unknown", "upstreamerror", "url", "user", "usgs", "utc", "utf", "uv", "validationerror", "value",
    "visibility", "visual", "waning", "warning", "watch", "water", "wave", "waxing", "weather", "wednesday", "west",
    "western", "wildfire", "wind", "windows", "winds", "winter", "world", "xml", "yellow", "z", "zed", "zone",
];

/// Whether a word is a common given name, in any case.
pub(super) fn is_given_name(word: &str) -> bool {
    // `Jean-Luc` is known by its first part.
    let first = word.split(['-', '\'', '’']).next().unwrap_or_default();
    contains(GIVEN_NAMES, first)
}

/// Whether a name is that of a well-known town, in any case.
pub(super) fn is_place(name: &str) -> bool {
    contains(PLACES, name.trim_end_matches(['.', '\'', '’', '-']))
}

/// Whether a name is that of a state or a country, or a capitalised abbreviation of one.
pub(super) fn is_region(name: &str) -> bool {
    (name.len() > 3 || name.chars().all(char::is_uppercase)) && contains(REGIONS, name)
}

/// Whether a word is a term of the field, in any case.
pub(super) fn is_term(word: &str) -> bool {
    contains(TERMS, word) || word.ends_with("Error") || word.ends_with("Exception")
}

fn contains(sorted: &[&str], word: &str) -> bool {
    let word = word.to_lowercase();
    sorted.binary_search(&word.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_and_in_lower_case() {
        for list in [GIVEN_NAMES, PLACES, REGIONS, TERMS] {
            assert!(list.is_sorted_by(|a, b| a < b));
            assert!(list.iter().all(|word| word.to_lowercase() == **word));
        }
    }

    #[test]
    fn words_are_found_in_any_case() {
        assert!(is_given_name("Priya") && is_given_name("Jean-Luc") && !is_given_name("Winter"));
        assert!(is_place("Tromsø") && is_place("São Paulo") && !is_place("Green"));
        assert!(is_region("IL") && is_region("Colorado") && !is_region("in") && !is_region("Or"));
        assert!(is_term("Storm") && is_term("TypeError") && !is_term("Berg"));
    }
}
