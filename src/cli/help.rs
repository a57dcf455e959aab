//! What each command's `--help` and manual page says at its end: examples, and the exit codes with their meaning.

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};

use crate::cli::command::CommandLine;
use crate::cli::exit::ExitStatus;
use crate::cli::exit::ExitStatus::{CannotCreate, Config, Done, Failed, Internal, NotPermitted, Unavailable, Usage};

/// The end of one command's help.
pub struct CommandHelp {
    /// The words of the command line that lead to it; empty for the program itself.
    pub path: &'static str,
    /// What is to be said before the examples.
    pub notes: &'static str,
    /// A line each.
    pub examples: &'static [&'static str],
    /// What it can tell the shell.
    pub exits: &'static [ExitStatus],
}

const WHOLE_RUN: &[ExitStatus] = &ExitStatus::ALL;
const MEASURED: &[ExitStatus] = &[Done, Failed, Usage, Internal, CannotCreate];
const OF_CATALOG: &[ExitStatus] = &[Done, Usage, Unavailable, Internal, CannotCreate, NotPermitted, Config];
const OF_DAEMON: &[ExitStatus] = &[Done, Usage, Unavailable, Internal, CannotCreate, NotPermitted, Config];
const OF_COPY: &[ExitStatus] = &[
    Done,
    Failed,
    Usage,
    Unavailable,
    Internal,
    CannotCreate,
    NotPermitted,
    Config,
];

const HELP: &[CommandHelp] = &[
    CommandHelp {
        path: "",
        notes: "",
        examples: &[
            #[cfg(feature = "lab")]
            "grind demo                                see it work, on this machine alone",
            "grind run --config /etc/grind/grind.toml  store the library, and keep it up to date",
            "grind status                              ask the running daemon how far it is",
        ],
        exits: WHOLE_RUN,
    },
    CommandHelp {
        path: "run",
        notes: "\
Signals:
  SIGTERM, SIGINT  finish what was begun and stop; a second one stops at once
  SIGHUP           read the config again, all or nothing
  SIGUSR1          write the last 4,096 messages of each actor into diagnostics/ beside the catalog's file",
        examples: &["grind run", "grind run --config /srv/trial/grind.toml --once"],
        exits: WHOLE_RUN,
    },
    CommandHelp {
        path: "demo",
        notes: "\
With --faults some books are damaged for good in the simulated GRIN, as some are in the real one: they cannot be stored. The output
names them. The exit code is 0 only if every other book was stored and verified.",
        examples: &[
            "grind demo",
            "grind demo --books 1000 --pages 20 --faults",
            "grind demo --dir /srv/trial --serve",
        ],
        exits: WHOLE_RUN,
    },
    CommandHelp {
        path: "init",
        notes: "\
What no flag says is asked for on the terminal. Each answer is checked at once: the storage takes a small object and gives it back, files
are read. An object store is tried with the keys in --storage-keys-file, which hold aws_access_key_id = … and aws_secret_access_key = …, or what
storage.credentials_file holds of another provider (grind.toml(5)). Two files are written, and none that is there already (exit code 73): the
configuration, and a drop-in of the systemd unit with a LoadCredential= line for each secret. Secrets themselves are not copied.",
        examples: &[
            "grind init",
            "grind init --storage s3://our-books/library --region us-east-1 --storage-keys-file /etc/grind/storage_keys",
            "grind init --library Harvard --storage file:///srv/library --service-account-file /etc/grind/service_account.json \
             --passphrase-file /etc/grind/gpg_passphrase --connect",
        ],
        exits: &[Done, Usage, Unavailable, CannotCreate, NotPermitted, Config],
    },
    CommandHelp {
        path: "auth",
        notes: "",
        examples: &["grind auth login", "grind auth status"],
        exits: &[Done, Usage, Unavailable, Internal, CannotCreate, NotPermitted, Config],
    },
    CommandHelp {
        path: "auth login",
        notes: "",
        examples: &["grind auth login", "grind auth login --no-browser"],
        exits: &[Done, Usage, Unavailable, Internal, CannotCreate, NotPermitted, Config],
    },
    CommandHelp {
        path: "auth status",
        notes: "",
        examples: &["grind auth status", "grind auth status --json | jq .accepted"],
        exits: &[Done, Usage, Unavailable, Internal, CannotCreate, NotPermitted, Config],
    },
    CommandHelp {
        path: "check-config",
        notes: "\
With --connect one line a check says what was found, why, and what to do about it: ok, warning, error, or not checked where it depends on
what failed before. Run it as the user of the daemon. GRIN is asked for the summary of the directory, the first rows of a list, and the
first bytes of one archive; one small object is stored, read back and removed.",
        examples: &[
            "grind check-config",
            "grind check-config --config /etc/grind/grind.toml --print",
            "grind check-config --connect",
        ],
        exits: &[Done, Usage, Unavailable, CannotCreate, NotPermitted, Config],
    },
    CommandHelp {
        path: "rehearse",
        notes: "\
For the first contact with the real GRIN: one page of each list and the beginning of its text, one search, one HEAD, and the first and last
megabyte of one archive. Of each answer it says what was recognised, what was not (exit code 1), and what the daemon would do. No book
is stored, nothing is asked for conversion, and no catalog is made. Its lines name books: to report what was not recognised there is
grind support-bundle.",
        examples: &["grind rehearse", "grind rehearse --config /etc/grind/grind.toml"],
        exits: &[Done, Failed, Usage, Unavailable, CannotCreate, NotPermitted, Config],
    },
    CommandHelp {
        path: "support-bundle",
        notes: "\
What of GRIN's answers is not recognised is kept, the first of each shape, in diagnostics/ beside the catalog's file (in the state folder
where the catalog is on a server). The bundle holds that, the configuration in force, versions, the status of a running daemon, the counts
of the catalog, and the end of a log if one is named. Every barcode and title gets the same other letters and digits throughout; secrets are
left out. No program can know every title and name, so a person should look at it before it is sent: it is text in a tar.gz.
Only the user of the daemon may read what was kept, and only who runs this may read the file that it makes. So that the file is yours:
sudo -u grind grind support-bundle --output - > grind-support.tar.gz",
        examples: &[
            "grind support-bundle --output - > grind-support.tar.gz",
            "grind support-bundle --log grind.log    with the end of a log, from `journalctl -u grind -n 2000 > grind.log`; - for a pipe",
        ],
        exits: &[Done, Usage, Internal, CannotCreate, NotPermitted, Config],
    },
    CommandHelp {
        path: "simulate",
        notes: "",
        examples: &[
            "grind simulate                                    what settings/demo.toml expects",
            "grind simulate --books 1000000 --mix harvard      a library of the usual size",
            "grind simulate --faults --write-config /tmp/try   sign-in, faults, and a config that points here",
            "grind simulate --replay grind-support.tar.gz      answer with what somebody reported",
            "grind simulate --state-store                      a Dapr sidecar beside it, for [state_store]",
        ],
        exits: &[Done, Usage, Unavailable, Internal, CannotCreate],
    },
    CommandHelp {
        path: "collect",
        notes: "",
        examples: &[
            "grind collect",
            "grind collect --queue converted",
            "grind collect --limit 100",
            "grind collect --barcodes 39015012345678,39015012345679",
        ],
        exits: WHOLE_RUN,
    },
    CommandHelp {
        path: "enrich",
        notes: "",
        examples: &["grind enrich --limit 1000", "grind enrich --barcodes-file barcodes.txt"],
        exits: WHOLE_RUN,
    },
    CommandHelp {
        path: "convert",
        notes: "",
        examples: &["grind convert --limit 500 --dry-run", "grind convert --queue unconverted"],
        exits: WHOLE_RUN,
    },
    CommandHelp {
        path: "sync",
        notes: "",
        examples: &[
            "grind sync --limit 3",
            "grind sync --barcodes 39015012345678 --force",
            "grep ^39015 barcodes.txt | grind sync --barcodes-file -",
        ],
        exits: WHOLE_RUN,
    },
    CommandHelp {
        path: "explain",
        notes: "",
        examples: &[
            "grind explain 39015012345678",
            "grind explain 39015012345678 --all",
            "grind explain 39015012345678 --json | jq .history",
        ],
        exits: OF_COPY,
    },
    CommandHelp {
        path: "report",
        notes: "",
        examples: &[
            "grind report",
            "grind report --json | jq .states",
            "grind report --unverified",
            "grind report --unsound",
        ],
        exits: OF_CATALOG,
    },
    CommandHelp {
        path: "verify",
        notes: "\
Each object of a book is read and its SHA-256 compared with what was recorded when it was stored: ok, damaged (read to its end, and something
else), missing (absent from a storage whose marker was just seen), or could not be checked, which says nothing of the book. Without options all
stored books are read, those first that were not looked at for the longest time. A pass that is cut names the moment with which --older-than
goes on. Nothing is written to the storage; the evidence stays in the catalog, and `grind explain` shows it.

With --copy the second copy is read, of the books that are copied as they are stored. Nothing of that is recorded but that a copy which is damaged
or missing is to be made anew, which the daemon does.

The first digest that is read of an archive that was adopted unread is recorded, and compared from then on; until then it could not be checked.

With --quick no archive is read: catalog and storage are compared both ways by listing, and the manifest of a book tells whether a text or MARC
record that is not seen should be there. A recorded object may be missing, an archive have another size (damaged), an object be unknown: nothing
that the catalog has recorded. --repair mends the catalog: a book whose archive is not there is fetched again, what is missing beside a sound
archive is made anew from it, an archive that agrees with its manifest is recorded. No object is removed. The sum counts what is so after that.

Exit code 1: something is damaged or missing, or unknown with --quick. 2: nothing is, and something could not be checked, as where the storage
is away.",
        examples: &[
            "grind verify --sample 200",
            "grind verify --sample 5% --older-than 90d --bandwidth 50MiB",
            "grind verify 39015012345678 --deep",
            "grind verify --quick",
            "grind verify --quick --repair",
            "grind verify --json | jq 'select(.outcome==\"damaged\")'",
        ],
        exits: OF_COPY,
    },
    CommandHelp {
        path: "export",
        notes: "\
csv: the columns that the users of grin-transfer know, of all books or of those that are named, and no others.
jsonl: all that is known of a book, one object a line.
parquet: the columns of the dataset Institutional Books 1.0 that come from its sources (names that end in _src), hathitrust_data_ext, and
hathitrust_access_ext and hathitrust_rights_timestamp_ext, which that dataset does not have. What is not known is null.
Options that say which books must hold together; --since asks when something was recorded of a book.",
        examples: &[
            "grind export csv --output books.csv",
            "grind export jsonl | head -1 | jq .",
            "grind export parquet --output books.parquet",
            "grind export csv --state stored --since 24h --output new.csv",
            "grind export jsonl --since 2026-11-01",
            "grind export jsonl --barcodes-file chosen.txt",
        ],
        exits: OF_CATALOG,
    },
    CommandHelp {
        path: "export bagit",
        notes: "\
A bag is the folder DIR/BARCODE ($ and + as =24 and =2B) with archive, text, MARC record and manifest under data/, by their names within the
storage. Each object is compared with its recorded SHA-256 while it is copied. A bag appears whole or not at all. One that is there already, with
the same digests, is left alone and not read; another one of the same book is not replaced, and the book fails. A book that is damaged, missing
or not stored is named and holds no other up. What was cut goes on with the same command. With --json each line is a book (barcode, outcome,
path, bytes, and reason and detail of one that failed), the last one the summary.",
        examples: &[
            "grind export bagit 39015012345678 --output /srv/handover",
            "grind export bagit --barcodes-file chosen.txt --output /srv/handover --json",
        ],
        exits: OF_COPY,
    },
    CommandHelp {
        path: "export ocfl",
        notes: "\
DIR is made a storage root, or is one that this command made. The identifier of a book is grin:LIBRARY/BARCODE; its files are archive, text, MARC
record and manifest, by their names within the storage. Each object is compared with its recorded SHA-256 while it is copied. A book whose
digests are those of its newest version is left alone and not read; one that has changed gets another version, in which only what is new is
stored. A version appears whole or not at all. A book that is damaged, missing or not stored is named and holds no other up. With --json each
line is a book (barcode, outcome, path, version, bytes, and reason and detail of one that failed), the last one the summary.",
        examples: &[
            "grind export ocfl 39015012345678 39015012345679 --output /srv/ocfl",
            "grind export ocfl --barcodes-file chosen.txt --output /srv/ocfl --json",
        ],
        exits: OF_COPY,
    },
    CommandHelp {
        path: "export premis",
        notes: "\
Of each book that was ever checked there is an object (the archive as it is recorded now), of each check an event `fixity check` with its
outcome (success, fail, or warning where nothing could be said) and what was found, and of each version of this program that checked an agent.
A named book of which no check is recorded is named, with exit code 1; the others are written.",
        examples: &[
            "grind export premis --output checks.xml",
            "grind export premis 39015012345678 | xmllint --format -",
        ],
        exits: OF_COPY,
    },
    CommandHelp {
        path: "import",
        notes: "\
A book counts as stored if its archive is really there and whole, whatever the other database says of it. Each archive goes through
the pass of a download: every page is checked, and text, MARC record and manifest are made anew beside it. Archives stay where they are:
let storage.url name the place where the other program kept them. With --copy they are copied into storage.url. Of several archives
of a book the verified one with the most pages is taken (with --quick the largest), and none where one of them cannot be read.",
        examples: &[
            "grind import --from books.db --dry-run",
            "grind import --from books.db --storage /srv/transfer --copy",
            "grind import --from books.db --storage s3://bucket/prefix --dry-run",
        ],
        exits: OF_CATALOG,
    },
    CommandHelp {
        path: "rights",
        notes: "",
        examples: &["grind rights import hathi_full_20261101.txt.gz"],
        exits: OF_COPY,
    },
    CommandHelp {
        path: "rights import",
        notes: "\
A hathifile names a volume as NAMESPACE.BARCODE. It is about the book of the catalog that has this barcode, letters in small or in
capitals. A book that several rows name is left as it is: --namespace says which of them are the library's. Code, access, reason, date and
time of the determination are recorded; a book that the file does not name keeps what is known of it, and so does one of which a later
determination is known. The file is read as a whole before anything is written, so that one which cannot be read changes nothing. An import
that is interrupted has recorded the first rows of the file; given again, it records the others. `grind explain` and the exports as JSON
lines and Parquet show the rights.",
        examples: &[
            "grind rights import hathi_full_20261101.txt.gz",
            "grind rights import hathi_upd_20261129.txt.gz --namespace hvd --json",
        ],
        exits: OF_COPY,
    },
    CommandHelp {
        path: "catalog",
        notes: "",
        examples: &["grind catalog copy --to postgres://db.example.org/grind"],
        exits: OF_COPY,
    },
    CommandHelp {
        path: "catalog copy",
        notes: "\
From catalog.url to --to, from SQLite to PostgreSQL or back. Nothing may use either catalog meanwhile. At the end all rows of both are
read and compared. A copy that was interrupted goes on when the command is given again; until it is complete nothing else can use it.
A password stands best in a file, as in ~/.pgpass. The catalog that was copied stays as it is.",
        examples: &[
            "grind catalog copy --to 'postgres://grind@db.example.org/grind?sslmode=verify-full'",
            "grind catalog copy --to sqlite:///var/lib/grind/catalog.db",
        ],
        exits: OF_COPY,
    },
    CommandHelp {
        path: "parse",
        notes: "",
        examples: &[
            "grind parse list-page page.html --url 'https://books.google.com/libraries/TESTLIB/_all_books?format=html'",
            "grind parse process answer.txt --status 200",
            "grind parse archive TL0001.tar.gz.gpg --passphrase-file passphrase --barcode TL0001",
            "grind parse barcode 39015012345678",
        ],
        exits: &[Done, Failed, Usage, CannotCreate],
    },
    CommandHelp {
        path: "retry",
        notes: "\
A failed book is treated as if it were new: its attempts are counted from zero. A book that waits for its next attempt is
due at once. A barcode that the catalog does not know refuses the whole request, and nothing is changed (exit code 1).",
        examples: &[
            "grind retry 39015012345678",
            "grind retry --failed",
            "grind retry --failed --reason damaged_at_source",
        ],
        exits: OF_COPY,
    },
    CommandHelp {
        path: "pause",
        notes: "\
Nothing more is begun: no book, list or request, no backup or export of the catalog, no second copy, no reading of stored books, no call of
a hook. What was begun is finished; when `grind status` shows no book in hand and no task at work, the storage may be moved. A backup or export
that was missed is made once after the pause. The pause outlives a restart, is shown by `grind status`, and ends at --until or with
`grind resume`. It is this daemon's alone: others that share its catalog go on, so give each the command. Without --until it has no end.
Steps by hand are not paused.",
        examples: &["grind pause", "grind pause --until 18:00", "grind pause --until 2h"],
        exits: OF_DAEMON,
    },
    CommandHelp {
        path: "resume",
        notes: "\
What the daemon waits for (a sign-in, a passphrase, the storage) is tried at once, by one book. A pause by work.paused in the config ends there.",
        examples: &["grind resume"],
        exits: OF_DAEMON,
    },
    CommandHelp {
        path: "prioritise",
        notes: "\
A book that waits for its next attempt, or failed, is due at once, as after `grind retry`. One that is stored, on its way, not given out or
forgotten is named with its state, and one that GRIN has not converted and that no queue asks for with the key to change. A barcode that the
catalog does not know refuses the whole request, and nothing is changed (exit code 1).",
        examples: &["grind prioritise 39015012345678 39015012345679"],
        exits: OF_COPY,
    },
    CommandHelp {
        path: "forget",
        notes: "\
The book is neither asked for nor counted as missing any more, whatever GRIN says of it. Nothing that is stored is removed, and its
history stays. `grind retry BARCODE` brings it back. A barcode that the catalog does not know refuses the whole request (exit code 1).",
        examples: &["grind forget 39015012345678"],
        exits: OF_COPY,
    },
    CommandHelp {
        path: "restore",
        notes: "\
Into the catalog that catalog.url names, SQLite or PostgreSQL, which must be empty. FROM is a file or the name of an object in the storage.
Then the catalog is compared with the storage: books stored after the backup are recorded as stored, from their manifests, and books that
the storage lacks will be fetched again. That is done only where the storage can be read and its marker is the one that the catalog knows.
GRIN is asked for nothing. Archives are compared by size; those of another size, without a recorded one, or named by no record are read. A
book whose archive is not the recorded one will be fetched again.",
        examples: &["grind restore", "grind restore /srv/backup/catalog-2026-11-29.db.gz"],
        exits: OF_COPY,
    },
    CommandHelp {
        path: "storage",
        notes: "",
        examples: &["grind storage adopt", "grind storage ls 39015012345678"],
        exits: OF_CATALOG,
    },
    CommandHelp {
        path: "storage ls",
        notes: "",
        examples: &[
            "grind storage ls raw/ | sort -n | tail -5",
            "grind storage ls quarantine/ --json",
            "grind storage ls 39015012345678",
        ],
        exits: OF_COPY,
    },
    CommandHelp {
        path: "storage get",
        notes: "\
The object is compared with the digest that the book's manifest names; a file that is there stays as it was where they differ (exit code 1).

With MEMBER one file of the archive is written, such as a page's image: the archive is read from the last place before it at which its gzip
form can be entered, to the end of that file, and not beyond. Those places, and where each file lies, stand in the book's index,
meta/BARCODE_members.json.gz, with the MD5 of each file, which is compared. The command says what proves the file: the MD5 that the archive
itself lists, or else the one that was taken when the archive was stored. Of a book that was stored without an index the whole archive is read
and proven, and the command says so. A name that two folders have needs its folder; of one that is not there similar ones are named.",
        examples: &[
            "grind storage get 39015012345678",
            "grind storage get 39015012345678 00000017.jp2",
            "grind storage get 39015012345678 --part text --output /tmp/text.jsonl.gz",
        ],
        exits: OF_COPY,
    },
    CommandHelp {
        path: "storage rm",
        notes: "\
Removes archive, text, MARC record, index and manifest of one book; what is in quarantine stays. Without --yes they are only named (exit code 2).
The book is then fetched again; `grind forget BARCODE` before leaves it out. No command removes more than one book.",
        examples: &["grind storage rm 39015012345678", "grind storage rm 39015012345678 --yes"],
        exits: OF_COPY,
    },
    CommandHelp {
        path: "storage adopt",
        notes: "\
At its first use a storage gets a marker, grind-storage.json, with an id that the catalog keeps, too. From then on nothing is stored
where that marker is missing: most likely a volume is not mounted, and mounting it is all that is needed. While the catalog knows stored
books, nothing is stored where the marker is another's either. This command is for a storage that takes the place of another on purpose, as after a move: a running daemon goes on with it within
half a minute. What the catalog has recorded as stored stays recorded, so copy it there first.

With --copy it is the place of the second copy ([storage.copy]), which has a marker of its own; all books are then copied there anew. A second
copy that becomes the storage (storage.url names it, [storage.copy] no more) is adopted like any other.",
        examples: &["grind storage adopt", "grind storage adopt --config /etc/grind/grind.toml"],
        exits: OF_CATALOG,
    },
    CommandHelp {
        path: "status",
        notes: "",
        examples: &["grind status", "grind status --json | jq .daemon.barcodes"],
        exits: OF_DAEMON,
    },
    CommandHelp {
        path: "actors",
        notes: "\
Under the table stands what holds the most work back now: each link waits for the next one. Besides actors these are permits, the pacer
(grin.requests_per_second), the gate (GRIN asked for a pause), the token, the catalog's commit, transfer, storage, disk reserve and hosts.",
        examples: &[
            "grind actors",
            "grind actors downloader",
            "grind actors --chain",
            "grind actors --blackbox downloader | tail -20",
            "grind actors --json | jq .chains.heaviest",
        ],
        exits: OF_DAEMON,
    },
    CommandHelp {
        path: "top",
        notes: "\
On a terminal it is drawn again and again until q or Ctrl-C, also while the daemon is started anew; elsewhere one frame is printed.
Rates, the busy share, and what nine in ten messages waited and took at the most, are of the last minute. Busy is the time that an
actor computes: what it waits for, and the work of threads that may block, is not in it;
the page of an actor tells, too, how many messages were in hand on the average. Keys:
  ↑ ↓ j k     mark an actor            Enter  show it in full, with its last messages; Esc goes back
  s           sort by the next column  r      the other way round
  p           pause, or end the pause; asked once more before it is done
  q, Ctrl-C   end",
        examples: &["grind top", "grind top --every 5", "grind top | head -20"],
        exits: OF_DAEMON,
    },
    CommandHelp {
        path: "bench",
        notes: "",
        examples: &[
            "grind bench sessions                    the whole matrix, about a quarter of an hour",
            "grind bench sessions --quick --check    half a minute; exit code 1 when a ratio is out of bounds",
            "grind bench pipeline --report /tmp/p    the main job beside curl, gpg, tar and md5sum",
        ],
        exits: MEASURED,
    },
    CommandHelp {
        path: "bench sessions",
        notes: "",
        examples: &["grind bench sessions --quick --check", "grind bench sessions --report /tmp/s"],
        exits: MEASURED,
    },
    CommandHelp {
        path: "bench pipeline",
        notes: "",
        examples: &["grind bench pipeline --quick", "grind bench pipeline --report /tmp/p"],
        exits: MEASURED,
    },
    CommandHelp {
        path: "bench state",
        notes: "",
        examples: &["grind bench state --quick", "grind bench state --report /tmp/d"],
        exits: MEASURED,
    },
    CommandHelp {
        path: "man",
        notes: "",
        examples: &[
            "grind man | man -l -",
            "grind man grind.toml | man -l -",
            "grind man --dir /usr/local/share/man/man1",
        ],
        exits: &[Done, Usage, CannotCreate],
    },
    CommandHelp {
        path: "completions",
        notes: "",
        examples: &[
            "grind completions bash > /etc/bash_completion.d/grind",
            "grind completions fish > ~/.config/fish/completions/grind.fish",
        ],
        exits: &[Done, Usage, CannotCreate],
    },
];

/// The definition of the command line, with the end of each command's help.
pub fn command() -> Command {
    ended(CommandLine::command(), "")
}

/// The end of the help of the command to which these words lead.
pub fn of(path: &str) -> Option<&'static CommandHelp> {
    HELP.iter().find(|help| help.path == path)
}

fn ended(mut command: Command, path: &str) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    for name in names {
        let path = format!("{path} {name}");
        command = command.mut_subcommand(&name, |sub| ended(sub, path.trim_start()));
    }
    match of(path) {
        Some(help) => command.after_long_help(help.text()),
        None => command,
    }
}

impl CommandHelp {
    fn text(&self) -> String {
        let mut text = String::new();
        if !self.notes.is_empty() {
            let _ = writeln!(text, "{}\n", self.notes);
        }
        text.push_str("Examples:\n");
        for example in self.examples {
            let _ = writeln!(text, "  {example}");
        }
        text.push_str("\nExit codes:");
        for exit in self.exits {
            let _ = write!(text, "\n  {:>3}  {}", exit.code(), exit.meaning());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(command: &Command, path: &str, check: &mut dyn FnMut(&Command, &str)) {
        check(command, path);
        for sub in command.get_subcommands() {
            each(sub, format!("{path} {}", sub.get_name()).trim_start(), check);
        }
    }

    #[test]
    fn every_help_has_examples_and_exit_codes() {
        each(&command(), "", &mut |command, path| {
            if command.is_hide_set() {
                return;
            }
            let end = command
                .get_after_long_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(end.contains("Examples:\n  "), "{path:?}: {end}");
            assert!(end.contains("Exit codes:\n    0  done\n"), "{path:?}: {end}");
        });
    }

    #[test]
    fn every_example_is_a_command_line_that_is_understood() {
        // Commands of the lab are in no package, and in no build without it.
        let is_there = |help: &&CommandHelp| {
            let first = help.path.split(' ').next().filter(|path| !path.is_empty());
            cfg!(feature = "lab") || first.is_none_or(|first| command().find_subcommand(first).is_some())
        };
        for help in HELP.iter().filter(is_there) {
            for example in help.examples {
                let line = &example[example.find("grind").unwrap()..];
                let end = ["  ", " |", " >"].iter().filter_map(|end| line.find(end)).min();
                let words = line[..end.unwrap_or(line.len())].replace('\'', "");
                let parsed = command().try_get_matches_from(words.split(' '));
                assert!(parsed.is_ok(), "{words}: {}", parsed.unwrap_err());
            }
        }
    }

    #[test]
    fn what_asks_the_catalog_or_the_daemon_names_that_it_may_not_be_reached_and_that_its_output_may_not_be_written() {
        for path in [
            "report",
            "export",
            "import",
            "explain",
            "retry",
            "status",
            "actors",
            "top",
            "auth status",
        ] {
            let help = HELP.iter().find(|help| help.path == path).unwrap();
            for exit in [Unavailable, CannotCreate] {
                assert!(help.exits.contains(&exit), "{path}: {exit:?}");
            }
        }
    }
}
