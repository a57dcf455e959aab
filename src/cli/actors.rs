//! `grind actors`: the mailboxes of the running daemon, and why who waits.

pub(super) mod detail;
mod table;

use std::io::{IsTerminal, stdout};

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use crate::actor::{ActorName, BlackBoxDump};
use crate::cli::args::ReachArgs;
use crate::cli::error::CommandResult;
use crate::cli::exit::ExitStatus;
use crate::cli::{output, status, top};
use crate::log::PlainText;
use crate::observe::{BlackBoxText, BlockingChain, DaemonStatus};

/// `grind actors`.
#[derive(Debug, Clone, Args)]
pub struct ActorsArgs {
    /// Only this actor, with its messages and instances
    #[arg(value_name = "NAME", value_parser = names())]
    pub name: Option<String>,
    /// Only why it waits, link by link; without a name, what holds the most work back
    #[arg(long)]
    pub chain: bool,
    /// Only its messages: first those in hand (who asked, how old each is, what it waits for), then the last ones, at most 4,096, oldest first: when each ended, who asked, how long it waited and took, and how it ended
    #[arg(long = "blackbox", requires = "name", conflicts_with = "chain")]
    pub black_box: bool,
    /// The same as JSON on standard output
    #[arg(long)]
    pub json: bool,
    /// Where the daemon is.
    #[command(flatten)]
    pub reach: ReachArgs,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(ActorName::ALL.map(ActorName::as_str))
}

/// Prints what the daemon says of its actors.
pub fn run(args: &ActorsArgs) -> CommandResult {
    let endpoints = args.reach.endpoints()?;
    if let Some(name) = args.name.as_deref().filter(|_| args.black_box) {
        let dump: BlackBoxDump = status::ask_at(&endpoints, &format!("/api/actors/{name}/black-box"))?;
        if args.json {
            output::print_json(&dump)?;
        } else {
            output::print(&BlackBoxText(&dump).to_string())?;
        }
    } else if args.json {
        output::print_json(&selected(&status::ask(&endpoints)?, args))?;
    } else {
        output::print(&in_words(&status::ask(&endpoints)?, args, columns()))?;
    }
    Ok(ExitStatus::Done)
}

/// The terminal's width; elsewhere nothing is cut off.
fn columns() -> usize {
    if stdout().is_terminal() {
        top::terminal_size().0
    } else {
        usize::MAX
    }
}

/// The part of the status that was asked for.
fn selected(status: &Value, args: &ActorsArgs) -> Value {
    let (actors, chains) = (&status["hub"]["actors"], &status["chains"]);
    let Some(name) = &args.name else {
        return if args.chain {
            chains["heaviest"].clone()
        } else {
            let sentences = &status["sentences"];
            json!({ "actors": actors, "sentences": sentences, "waits": status["hub"]["waits"], "chains": chains })
        };
    };
    let chain = &chains["by_actor"][name];
    if args.chain {
        return chain.clone();
    }
    let mut all = actors.as_array().into_iter().flatten();
    let found = all.find(|actor| actor["name"] == json!(name));
    json!({ "actor": found, "sentence": status["sentences"][name], "chain": chain })
}

fn in_words(seen: &DaemonStatus, args: &ActorsArgs, columns: usize) -> String {
    let named = args.name.as_deref();
    let chain = match named {
        None => seen.chains.heaviest.as_ref(),
        Some(named) => {
            let mut all = seen.chains.by_actor.iter();
            all.find(|(name, _)| name.as_str() == named).map(|(_, chain)| chain)
        }
    };
    let mut lines = match named {
        _ if args.chain => Vec::new(),
        None => [table::of_all(seen), table::sentences(seen)].concat(),
        Some(name) => detail::of_one(seen, name),
    };
    if !args.chain {
        lines.push(String::new());
    }
    lines.extend(link_lines(chain));
    let cut = |line: &String| table::cut(&PlainText(line).to_string(), columns) + "\n";
    lines.iter().map(cut).collect()
}

/// A line for each link, the end last.
pub(super) fn link_lines(chain: Option<&BlockingChain>) -> Vec<String> {
    let Some(chain) = chain else {
        return vec!["Nobody waits.".to_owned()];
    };
    let head = format!("held back: {}", chain.held_words());
    let links = chain.links.iter().enumerate().map(|(place, link)| {
        let arrow = if place == 0 { "  " } else { "← " };
        format!("{arrow}{:<18} {link}", link.node).trim_end().to_owned()
    });
    std::iter::once(head).chain(links).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::{MessageWindow, WindowQuantiles, WindowSnapshot};
    use crate::observe::{ChainLink, HeldWork};

    fn args(name: Option<&str>, chain: bool) -> ActorsArgs {
        ActorsArgs {
            name: name.map(str::to_owned),
            chain,
            black_box: false,
            json: false,
            reach: ReachArgs::default(),
        }
    }

    fn seen() -> DaemonStatus {
        let mut seen = crate::cli::frame::tests::seen();
        let link = |node: &str, waiting| ChainLink {
            node: node.to_owned(),
            waiting,
            longest_seconds: 31.0,
            ..ChainLink::default()
        };
        let chain = BlockingChain {
            held_back: 12,
            unit: HeldWork::Message,
            links: vec![
                link("downloader", 4),
                link("permit(bulk)", 4),
                ChainLink {
                    why: Some("GRIN answered\u{1b}[2J 429".into()),
                    ..link("gate", 0)
                },
            ],
        };
        seen.chains.by_actor.insert(ActorName::Downloader, chain.clone());
        seen.chains.heaviest = Some(chain);
        let window = WindowSnapshot {
            seconds: 60.0,
            handled_per_second: 2.5,
            failed_per_second: 0.0,
            busy_share: 0.31,
            in_hand: 0.5,
            wait: WindowQuantiles {
                p99_seconds: Some(0.000_45),
                ..WindowQuantiles::default()
            },
            course: Vec::new(),
            messages: vec![MessageWindow {
                kind: "download".into(),
                handled_per_second: 2.5,
                failed_per_second: 0.0,
                handle_share: 0.9,
                handle: WindowQuantiles::default(),
            }],
        };
        let sentence = "39015012345678: 31.2 MiB of 51.0 MiB, 4.2 MB/s; 39015012345679: asks GRIN for the archive";
        seen.sentences.insert(ActorName::Downloader, sentence.to_owned());
        seen.hub.actors[0].windows.insert("1m".into(), window);
        seen
    }

    #[test]
    fn the_table_tells_what_each_actor_waits_for_in_the_end() {
        let text = in_words(&seen(), &args(None, false), usize::MAX);
        let row = text.lines().find(|line| line.starts_with("downloader")).unwrap();
        assert!(row.ends_with("2.5/s    450µs   31%  permit(bulk) ← gate"), "{text}");
        assert!(
            text.contains("\n← permit(bulk)       4 wait, the longest for 31.0s\n"),
            "{text}"
        );
    }

    #[test]
    fn no_line_is_longer_than_the_terminal_and_no_word_steers_it() {
        for (name, chain) in [(None, false), (Some("downloader"), false), (None, true)] {
            for columns in [80, 60, 20] {
                let text = in_words(&seen(), &args(name, chain), columns);
                assert!(text.lines().all(|line| line.chars().count() <= columns), "{text}");
                assert!(!text.contains('\u{1b}'), "{text}");
            }
        }
    }

    #[test]
    fn one_actor_is_told_with_its_messages() {
        let text = in_words(&seen(), &args(Some("downloader"), false), 80);
        assert!(text.starts_with("downloader "), "{text}");
        assert!(text.contains("\ndownload "), "{text}");
        assert!(text.contains("\nlast 1m        2.5 handled/s"), "{text}");
        let nobody = in_words(&seen(), &args(Some("checker"), false), 80);
        assert!(nobody.starts_with("checker has not been started"), "{nobody}");
        assert!(nobody.ends_with("Nobody waits.\n"), "{nobody}");
    }

    #[test]
    fn json_is_the_part_that_was_asked_for() {
        let status = serde_json::to_value(seen()).unwrap();
        let all = selected(&status, &args(None, false));
        assert_eq!(all["actors"][0]["name"], "downloader");
        let one = selected(&status, &args(Some("downloader"), false));
        assert_eq!(one["actor"]["capacity"], 8);
        assert_eq!(one["chain"]["held_back"], 12);
        assert!(
            one["sentence"].as_str().unwrap().starts_with("39015012345678: "),
            "{one}"
        );
        let chain = selected(&status, &args(None, true));
        assert_eq!(chain["links"][2]["node"], "gate");
        assert_eq!(selected(&status, &args(Some("checker"), true)), Value::Null);
    }
}
