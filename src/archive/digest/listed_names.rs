//! The names in a checksum list: what stands round them, and what tells that one is not understood.

/// The list's own name in an archive.
pub(in crate::archive) const LIST_NAME: &str = "checksum.md5";

/// Is a listed name nothing but digits, as the beginning of a page's name is?
pub(super) fn is_cut(name: &str) -> bool {
    base_name(name).bytes().all(|byte| byte.is_ascii_digit())
}

/// Has a line that could not be read a digest or the beginning of one, or a number as pages have it?
pub(super) fn has_evidence(line: &str) -> bool {
    let hex = line.bytes().take_while(u8::is_ascii_hexdigit).count();
    hex >= DIGITS || hex == line.len() || has_page_number(line)
}

/// Digits of a page's number.
const DIGITS: usize = 8;

fn has_page_number(text: &str) -> bool {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    numbers.any(|number| number.len() == DIGITS && number.starts_with('0'))
}

/// Has a listed name a page's number, and signs round it that no file's name has there?
pub(super) fn is_decorated(name: &str) -> bool {
    let base = base_name(name);
    let is_of_name = |c: char| c.is_alphanumeric() || "._-~+$@=#%&()[]{}".contains(c);
    let is_odd = !base.starts_with(is_of_name) || !base.ends_with(is_of_name);
    is_odd && has_page_number(base)
}

/// What stands round a name that is quoted.
const QUOTES: [(char, char); 7] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('<', '>'),
    ('\u{201c}', '\u{201d}'),
    ('\u{2018}', '\u{2019}'),
    ('\u{ab}', '\u{bb}'),
];

/// A name without blanks and quotes round it.
pub(in crate::archive) fn unquoted(name: &str) -> &str {
    let name = name.trim();
    let inner = |(open, close): &(char, char)| name.strip_prefix(*open)?.strip_suffix(*close);
    QUOTES.iter().find_map(inner).map_or(name, str::trim)
}

/// A name without what stands round it; `None` if nothing is left.
pub(super) fn listed_name(name: &[u8]) -> Option<String> {
    let name = String::from_utf8_lossy(name);
    let name = unquoted(&name);
    (!base_name(name).trim_end_matches('\\').is_empty()).then(|| name.to_owned())
}

/// A name as lists are compared by: slashes, no `./` or `/` in front, no blanks and quotes round it.
pub(in crate::archive) fn listed_path(name: &str) -> String {
    let name = unquoted(name).replace('\\', "/");
    name.trim_start_matches("./").trim_start_matches('/').to_owned()
}

/// The folders before a name, each with its slash; empty at the top.
pub(in crate::archive) fn folder_of(name: &str) -> &str {
    let folder = name.strip_suffix(base_name(name)).unwrap_or_default();
    folder.trim_start_matches("./")
}

/// The name without folders.
pub(crate) fn base_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
