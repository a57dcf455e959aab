//! Codes of languages.

/// The languages that ISO 639-2 names, or named, twice: as libraries do, and as ISO 639-3 does.
const TWICE_NAMED: [(&str, &str); 22] = [
    ("alb", "sqi"),
    ("arm", "hye"),
    ("baq", "eus"),
    ("bur", "mya"),
    ("chi", "zho"),
    ("cze", "ces"),
    ("dut", "nld"),
    ("fre", "fra"),
    ("geo", "kat"),
    ("ger", "deu"),
    ("gre", "ell"),
    ("ice", "isl"),
    ("mac", "mkd"),
    ("mao", "mri"),
    ("may", "msa"),
    ("per", "fas"),
    ("rum", "ron"),
    ("scc", "srp"),
    ("scr", "hrv"),
    ("slo", "slk"),
    ("tib", "bod"),
    ("wel", "cym"),
];

/// What a MARC record may hold in place of a language: undetermined, several, none, blank.
const NO_LANGUAGE: [&str; 3] = ["und", "mul", "zxx"];

/// Codes of ISO 639-2 for groups of languages, which ISO 639-3 does not have.
const GROUPS: [&str; 66] = [
    "afa", "alg", "apa", "art", "ath", "aus", "bad", "bai", "bat", "ber", "bih", "bnt", "btk", "cai", "cau", "cel",
    "cmc", "cpe", "cpf", "cpp", "crp", "cus", "day", "dra", "fiu", "gem", "ijo", "inc", "ine", "ira", "iro", "kar",
    "khi", "kro", "map", "mkh", "mno", "mun", "myn", "nah", "nai", "nic", "nub", "oto", "paa", "phi", "pra", "roa",
    "sai", "sal", "sem", "sgn", "sio", "sit", "sla", "smi", "son", "ssa", "tai", "tup", "tut", "wak", "wen", "ypk",
    "znd", "him",
];

/// The code of ISO 639-3 for a MARC language code; `None` for what is no single language. A code that libraries have given up, and that no
/// list here knows, stays as it is.
pub(super) fn iso_639_3(marc: &str) -> Option<&str> {
    let code = marc.trim();
    let is_code = code.len() == 3 && code.bytes().all(|b| b.is_ascii_lowercase());
    if !is_code || NO_LANGUAGE.contains(&code) || GROUPS.contains(&code) {
        return None;
    }
    let renamed = TWICE_NAMED.iter().find(|(library, _)| *library == code);
    Some(renamed.map_or(code, |(_, iso)| iso))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_libraries_become_those_of_the_dataset() {
        for (marc, iso) in [
            ("eng", Some("eng")),
            ("ger", Some("deu")),
            ("fre", Some("fra")),
            ("chi", Some("zho")),
            ("lat", Some("lat")),
            ("grc", Some("grc")),
            (" ita", Some("ita")),
            ("mul", None),
            ("und", None),
            ("sla", None),
            ("   ", None),
            ("", None),
            ("|||", None),
            ("engfre", None),
        ] {
            assert_eq!(iso_639_3(marc), iso, "{marc:?}");
        }
    }

    #[test]
    fn no_code_stands_for_a_language_and_for_a_group() {
        assert!(
            TWICE_NAMED
                .iter()
                .all(|(library, iso)| !GROUPS.contains(library) && !GROUPS.contains(iso))
        );
    }
}
