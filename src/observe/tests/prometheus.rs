//! A strict reader of Prometheus text, for tests: what it takes, every scraper takes.

use std::collections::{BTreeMap, BTreeSet};

/// One family as read.
#[derive(Debug, Default)]
pub struct Family {
    pub kind: String,
    /// Name of the series, labels, value; in the order of the page.
    pub samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

/// Reads a page; an `Err` names the line and what is wrong with it.
pub fn read(page: &str) -> Result<BTreeMap<String, Family>, String> {
    if !page.ends_with('\n') {
        return Err("the last line has no end".into());
    }
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    let mut seen = BTreeSet::new();
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            current = help.split(' ').next().unwrap_or_default().to_owned();
            if families.insert(current.clone(), Family::default()).is_some() {
                return Err(format!("family twice: {line}"));
            }
        } else if let Some(kind) = line.strip_prefix(&format!("# TYPE {current} ")) {
            families.get_mut(&current).ok_or("TYPE before HELP")?.kind = kind.to_owned();
        } else {
            let (name, labels, value) = sample(line)?;
            if !seen.insert((name.clone(), labels.clone())) {
                return Err(format!("series twice: {line}"));
            }
            let family = families.get_mut(&current).ok_or_else(|| format!("no HELP: {line}"))?;
            belongs(&current, family, &name)
                .then_some(())
                .ok_or_else(|| format!("stray: {line}"))?;
            family.samples.push((name, labels, value));
        }
    }
    families
        .iter()
        .filter(|(_, family)| family.kind == "histogram")
        .try_for_each(|(name, family)| buckets(name, family))?;
    Ok(families)
}

fn belongs(current: &str, family: &Family, name: &str) -> bool {
    let Some(rest) = name.strip_prefix(current) else {
        return false;
    };
    match family.kind.as_str() {
        "histogram" => ["_bucket", "_sum", "_count"].contains(&rest),
        "counter" => rest.is_empty() && name.ends_with("_total"),
        "gauge" => rest.is_empty(),
        _ => false,
    }
}

type Sample = (String, BTreeMap<String, String>, f64);

fn sample(line: &str) -> Result<Sample, String> {
    let wrong = |what: &str| format!("{what}: {line}");
    let end = line.find(['{', ' ']).ok_or_else(|| wrong("no value"))?;
    let (name, rest) = line.split_at(end);
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
        return Err(wrong("bad name"));
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        None => (BTreeMap::new(), rest),
        Some(rest) => labels(rest).ok_or_else(|| wrong("bad labels"))?,
    };
    let value = rest
        .strip_prefix(' ')
        .ok_or_else(|| wrong("no space before the value"))?;
    let value = match value {
        "+Inf" => f64::INFINITY,
        number => number.parse().map_err(|_| wrong("bad value"))?,
    };
    Ok((name.to_owned(), labels, value))
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        let (name, after) = rest.split_once("=\"")?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            return None;
        }
        let (value, after) = quoted(after)?;
        labels.insert(name.to_owned(), value).is_none().then_some(())?;
        if let Some(end) = after.strip_prefix('}') {
            return Some((labels, end));
        }
        rest = after.strip_prefix(',')?;
    }
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                other @ ('\\' | '"') => other,
                _ => return None,
            }),
            other => value.push(other),
        }
    }
    None
}

/// Buckets rise, end in `+Inf`, and agree with the count.
fn buckets(name: &str, family: &Family) -> Result<(), String> {
    let mut by_labels: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for (series, labels, value) in &family.samples {
        let mut labels = labels.clone();
        let bound = labels.remove("le");
        if series.ends_with("_bucket") {
            let bound = bound.ok_or(format!("{name}: bucket without le"))?;
            let bound = if bound == "+Inf" {
                f64::INFINITY
            } else {
                bound.parse().map_err(|_| format!("{name}: {bound}"))?
            };
            by_labels.entry(labels).or_default().push((bound, *value));
        } else if series.ends_with("_count") {
            counts.insert(labels, *value);
        }
    }
    for (labels, buckets) in by_labels {
        let rising = buckets
            .windows(2)
            .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        let ends = buckets
            .last()
            .map(|(bound, count)| (bound.is_infinite(), Some(count) == counts.get(&labels)));
        if !rising || ends != Some((true, true)) {
            return Err(format!("{name} {labels:?}: {buckets:?}"));
        }
    }
    Ok(())
}

#[test]
fn the_reader_is_strict() {
    let head = "# HELP a_total x\n# TYPE a_total counter\n";
    assert!(read(&format!("{head}a_total{{b=\"c\\\"\\\\\"}} 1\n")).is_ok());
    for bad in [
        "a_total 1",
        "a_total 1\na_total 2\n",
        "a_total{b=\"c} 1\n",
        "a_total{b=\"\\x\"} 1\n",
        "a_total{b=\"c\",b=\"d\"} 1\n",
        "a_total{} 1\n",
        "a_total  1\n",
        "a_total one\n",
        "b_total 1\n",
        "\n",
    ] {
        assert!(read(&format!("{head}{bad}")).is_err(), "{bad:?}");
    }
    let histogram = "# HELP h x\n# TYPE h histogram\n";
    assert!(
        read(&format!(
            "{histogram}h_bucket{{le=\"1\"}} 2\nh_bucket{{le=\"+Inf\"}} 2\nh_sum 1\nh_count 2\n"
        ))
        .is_ok()
    );
    assert!(
        read(&format!(
            "{histogram}h_bucket{{le=\"1\"}} 3\nh_bucket{{le=\"+Inf\"}} 2\nh_sum 1\nh_count 2\n"
        ))
        .is_err()
    );
    assert!(read(&format!("{histogram}h_bucket{{le=\"1\"}} 2\nh_sum 1\nh_count 2\n")).is_err());
}
