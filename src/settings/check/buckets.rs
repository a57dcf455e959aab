//! What is odd about the address of a bucket, and what to write instead.

use crate::settings::address::{StorageAddress, StoreProvider, wrong_key};
use crate::settings::check::{error, warning};
use crate::settings::effective::masked;
use crate::settings::finding::SettingsFinding;

/// An address that names no place. With a folder that is written oddly, what was most likely meant is said.
pub(super) fn refused(key: &str, url: &str, why: &str, findings: &mut Vec<SettingsFinding>) {
    let folder = url
        .split_once("://")
        .and_then(|(_, rest)| Some(rest.split_once('/')?.1));
    let advice = match (plain(url), folder.and_then(wrong_key)) {
        (Some(plain), Some(wrong)) => format!(" ({wrong}; write {plain})"),
        _ => String::new(),
    };
    error(findings, key, format!("is {:?}: {why}{advice}", masked(url)));
}

/// An address that names a place, but perhaps not the one that is meant.
pub(super) fn odd(key: &str, url: &str, has_endpoint: bool, findings: &mut Vec<SettingsFinding>) {
    let Ok(StorageAddress::Bucket { provider, name, .. }) = StorageAddress::parse(url) else {
        return;
    };
    if url.ends_with("//")
        && let Some(plain) = plain(url)
    {
        let text = format!("is {url:?}, which ends in several slashes and is taken for {plain}; write that");
        warning(findings, key, text);
    }
    // A server of one's own may have other rules.
    if let Some(rule) = broken_rule(provider, &name).filter(|_| !has_endpoint) {
        let text = format!("names the bucket or container {name:?}, which its provider hardly has: {rule}");
        warning(findings, key, text);
    }
}

/// The same address without empty parts and single dots in its folder; `None`: that is none either, or nobody knows what is meant.
fn plain(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (name, folder) = rest.split_once('/')?;
    let parts = folder.split('/').filter(|part| !matches!(*part, "" | "."));
    let plain = format!("{scheme}://{name}/{}", parts.collect::<Vec<_>>().join("/"));
    StorageAddress::parse(&plain).is_ok().then_some(plain)
}

/// The provider's rule for names that this one does not keep.
fn broken_rule(provider: StoreProvider, name: &str) -> Option<&'static str> {
    let takes = |c: char| match c {
        'a'..='z' | '0'..='9' | '-' => true,
        '.' => provider != StoreProvider::Azure,
        '_' => provider == StoreProvider::Google,
        _ => false,
    };
    let ends_well = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let keeps = (3..=63).contains(&name.len())
        && name.chars().all(takes)
        && name.starts_with(ends_well)
        && name.ends_with(ends_well);
    let rule = match provider {
        StoreProvider::S3 => {
            "3 to 63 lower-case letters, digits, dots and hyphens, with a letter or digit at both ends"
        }
        StoreProvider::Azure => "3 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends",
        StoreProvider::Google => {
            "3 to 63 lower-case letters, digits, dots, hyphens and underscores, with a letter or digit at both ends"
        }
    };
    (!keeps).then_some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(url: &str, has_endpoint: bool) -> Vec<String> {
        let mut findings = Vec::new();
        match StorageAddress::parse(url) {
            Ok(_) => odd("storage.url", url, has_endpoint, &mut findings),
            Err(why) => refused("storage.url", url, why, &mut findings),
        }
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_odd_address_is_told_with_what_to_write() {
        for (url, has_endpoint, words) in [
            (
                "s3://books/a//b",
                false,
                "error: storage.url is \"s3://books/a//b\": what follows its bucket is no folder",
            ),
            ("s3://books/a//b", false, "(it has an empty part; write s3://books/a/b)"),
            ("s3://books//a", false, "write s3://books/a)"),
            (
                "az://books/./a/",
                false,
                "(a part begins with a dot; write az://books/a)",
            ),
            (
                "s3://books/a//",
                false,
                "warning: storage.url is \"s3://books/a//\", which ends in several slashes and is taken for s3://books/a;",
            ),
            ("s3://../a", false, "it has no bucket, or one with odd characters"),
            ("s3://.books/a", false, "it has no bucket, or one with odd characters"),
            (
                "s3://Our_Books",
                false,
                "warning: storage.url names the bucket or container \"Our_Books\", which its provider hardly has: 3 to 63",
            ),
            ("az://our.books", false, "hardly has"),
            ("gs://-books", false, "hardly has"),
        ] {
            let said = said(url, has_endpoint).join("\n");
            assert!(said.contains(words), "{url}: {said}");
        }
        for (url, has_endpoint) in [
            ("s3://our.books-2/a/b/", false),
            ("gs://our_books", false),
            ("s3://Our_Books", true),
            ("file:///srv//library/", false),
            ("memory:", false),
        ] {
            assert_eq!(said(url, has_endpoint), [""; 0], "{url}");
        }
        for url in [
            "s3://books/../a",
            "s3://books/.a",
            "s3://books/a b",
            "s3://k:s@books//a",
            "s3:///a//b",
        ] {
            let said = said(url, false).join("\n");
            assert!(
                said.starts_with("error: ") && !said.contains("(it has an empty part; write"),
                "{url}: {said}"
            );
        }
    }
}
