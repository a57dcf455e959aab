//! What must be known: each answer by a flag, else asked for on the terminal, and checked at once.

use std::io::{BufRead, Read as _, Write};
use std::path::PathBuf;

use url::Url;

use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::init::secrets::refuse_unprintable;
use crate::cli::init::{InitArgs, checks, places};
use crate::settings::{SettingsSources, StorageAddress, StoreProvider};

/// How often a person may answer a question wrongly.
const TRIES: usize = 3;
/// Bytes of an answer.
const LONGEST: u64 = 4096;

/// How the daemon signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInAnswer {
    /// By the key of a service account.
    ServiceAccount(PathBuf),
    /// For the person who signs in with `grind auth login`, by this client.
    Person(PathBuf),
}

/// By what an object store is reached, where its provider's own and the environment do not do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreAnswers {
    /// Its address.
    pub endpoint: Option<Url>,
    /// The region of an S3 bucket.
    pub region: Option<String>,
    /// The account of an Azure container.
    pub account: Option<String>,
}

/// All answers, each found to be fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitAnswers {
    /// GRIN's directory.
    pub library: String,
    /// `storage.url`.
    pub storage: String,
    /// How its object store is reached.
    pub store: StoreAnswers,
    /// The file with the keys of an object store; `None`: they come from elsewhere, or there is nothing to open.
    pub storage_keys: Option<PathBuf>,
    /// The sign-in.
    pub sign_in: SignInAnswer,
    /// The file with the passphrase.
    pub passphrase: PathBuf,
    /// Whether books are fetched that GRIN has to convert first.
    pub asks_for_conversions: bool,
}

/// Where answers come from that no flag gives.
pub struct AnswerSource<R, W> {
    /// What a person types; `None`: there is no terminal.
    pub typed: Option<R>,
    /// Where the questions go.
    pub asked: W,
}

/// One thing that must be known.
struct Question<'a> {
    flag: &'static str,
    words: &'static str,
    given: Option<&'a str>,
}

impl Question<'_> {
    /// The answer that was given will not do.
    fn unfit(&self, why: &str) -> CliError {
        CliError::new(ExitStatus::Config, format!("{}: {why}", self.flag)).advise("Nothing was written.")
    }
}

impl InitAnswers {
    /// Gathers them.
    pub fn gather<R: BufRead, W: Write>(args: &InitArgs, source: &mut AnswerSource<R, W>) -> Result<Self, CliError> {
        refuse_unprintable(args)?;
        let library = Question {
            flag: "--library",
            words: "GRIN's directory for your library, exactly as GRIN writes it (such as Harvard)",
            given: args.library.as_deref(),
        };
        let library = source.answer(&library, checks::library)?;
        let storage = Question {
            flag: "--storage",
            words: "Where books go (file:///srv/library, s3://bucket/prefix or az://container/prefix)",
            given: args.storage.as_deref(),
        };
        let present = SettingsSources::of_process(Some(&places(args)[0]));
        let storage = source.answer(&storage, |url| checks::storage(url, &present))?;
        let store = store(args, &storage, source)?;
        let storage_keys = storage_keys(args, &storage, &store, source)?;
        let sign_in = sign_in(args, source)?;
        let passphrase = Question {
            flag: "--passphrase-file",
            words: "The file with the passphrase of GRIN's archives",
            given: path(args.passphrase_file.as_ref()),
        };
        let passphrase = source.answer(&passphrase, checks::passphrase)?;
        Ok(Self {
            library,
            storage,
            store,
            storage_keys,
            sign_in,
            passphrase,
            asks_for_conversions: source.conversions(args.ask_for_conversions.as_deref())?,
        })
    }
}

fn path(path: Option<&PathBuf>) -> Option<&str> {
    path.and_then(|path| path.to_str())
}

/// What a flag gives is taken as it is; what else an object store may need is asked for on a terminal, before its keys are tried.
fn store<R: BufRead, W: Write>(
    args: &InitArgs,
    url: &str,
    source: &mut AnswerSource<R, W>,
) -> Result<StoreAnswers, CliError> {
    let mut answers = StoreAnswers {
        endpoint: args.endpoint.clone(),
        region: args.region.clone(),
        account: args.account.clone(),
    };
    let Some(provider) = StorageAddress::provider_of(url) else {
        return Ok(answers);
    };
    let endpoint = Question {
        flag: "--endpoint",
        words: "The address of the object store, as in https://minio.example.org:9000 (empty: its provider's own)",
        given: args.endpoint.as_ref().map(Url::as_str),
    };
    answers.endpoint = source.answer_or_nothing(&endpoint, checks::endpoint)?;
    let region = Question {
        flag: "--region",
        words: "The region of the bucket (empty: the one that the environment names)",
        given: args.region.as_deref(),
    };
    let account = Question {
        flag: "--account",
        words: "The storage account of the container (empty: the one that the environment names)",
        given: args.account.as_deref(),
    };
    match provider {
        StoreProvider::S3 => answers.region = source.answer_or_nothing(&region, checks::name_at_store)?,
        StoreProvider::Azure => answers.account = source.answer_or_nothing(&account, checks::name_at_store)?,
        StoreProvider::Google => {}
    }
    Ok(answers)
}

fn storage_keys<R: BufRead, W: Write>(
    args: &InitArgs,
    url: &str,
    store: &StoreAnswers,
    source: &mut AnswerSource<R, W>,
) -> Result<Option<PathBuf>, CliError> {
    let question = Question {
        flag: "--storage-keys-file",
        words: "The file with the keys of the object store (empty: those of the environment, or this machine's own)",
        given: path(args.storage_keys_file.as_ref()),
    };
    match (StorageAddress::provider_of(url), question.given) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(question.unfit(&format!("{url} is no object store and has no keys"))),
        (Some(_), _) => source.answer_or_nothing(&question, |file| checks::storage_keys(file, url, store)),
    }
}

fn sign_in<R: BufRead, W: Write>(args: &InitArgs, source: &mut AnswerSource<R, W>) -> Result<SignInAnswer, CliError> {
    let key = Question {
        flag: "--service-account-file",
        words: "The key file of the service account",
        given: path(args.service_account_file.as_ref()),
    };
    let client = Question {
        flag: "--client-secret-file",
        words: "The client secret file that Google's console hands out for an application of type desktop",
        given: path(args.client_secret_file.as_ref()),
    };
    let is_person = match (key.given, client.given) {
        (Some(_), _) => false,
        (None, Some(_)) => true,
        (None, None) => {
            let kind = Question {
                flag: "--service-account-file or --client-secret-file",
                words: "Sign in by a service account (1, the better way for a daemon) or as a person (2)",
                given: None,
            };
            source.answer(&kind, checks::kind_of_sign_in)?
        }
    };
    Ok(match is_person {
        true => SignInAnswer::Person(source.answer(&client, checks::client_secret)?),
        false => SignInAnswer::ServiceAccount(source.answer(&key, checks::service_account)?),
    })
}

impl<R: BufRead, W: Write> AnswerSource<R, W> {
    /// Nothing is asked of GRIN that nobody ordered: without a flag and without a person the answer is no.
    fn conversions(&mut self, given: Option<&str>) -> Result<bool, CliError> {
        if given.is_none() && self.typed.is_none() {
            return Ok(false);
        }
        let question = Question {
            flag: "--ask-for-conversions",
            words: "GRIN can send a book once it has converted it. Ask it to convert the books that it has not converted yet (yes), or fetch \
                    only what is converted already (no)",
            given,
        };
        self.answer(&question, checks::yes_or_no)
    }

    /// The answer to one question. One that a flag gives is wrong for good; a person is asked again.
    fn answer<T>(&mut self, question: &Question<'_>, check: impl Fn(&str) -> Result<T, String>) -> Result<T, CliError> {
        if let Some(given) = question.given {
            return check(given).map_err(|why| question.unfit(&why));
        }
        let mut why = String::new();
        for _ in 0..TRIES {
            let typed = self.ask(question)?;
            match check(&typed) {
                Ok(answer) => return Ok(answer),
                Err(unfit) => {
                    say(&mut self.asked, &format!("  {unfit}\n"))?;
                    why = unfit;
                }
            }
        }
        Err(question.unfit(&why))
    }

    /// The same of an answer that may be empty, which it is without a flag and without a person.
    fn answer_or_nothing<T>(
        &mut self,
        question: &Question<'_>,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, CliError> {
        match (question.given, &self.typed) {
            (None, None) => check("").map_err(|why| question.unfit(&why)),
            _ => self.answer(question, check),
        }
    }

    fn ask(&mut self, question: &Question<'_>) -> Result<String, CliError> {
        let unanswered = |exit, what| CliError::new(exit, what).cause(format!("wanted: {}", question.words));
        let no_terminal = || {
            unanswered(ExitStatus::Usage, format!("{} is missing", question.flag))
                .cause("there is no terminal to ask for it")
                .advise("Give the flag. Nothing was written.")
        };
        let typed = self.typed.as_mut().ok_or_else(no_terminal)?;
        say(&mut self.asked, &format!("{}: ", question.words))?;
        let mut line = String::new();
        let read = typed.by_ref().take(LONGEST).read_line(&mut line);
        match read {
            Ok(bytes) if bytes > 0 => Ok(line.trim().to_owned()),
            // The terminal is gone, or Ctrl-D was pressed: whoever sits there refuses.
            _ => {
                // Behind the question, where the cursor was left.
                say(&mut self.asked, "\n")?;
                let ended = unanswered(ExitStatus::Config, "the input ended before all was answered".to_owned());
                Err(ended.advise(format!(
                    "Nothing was written. Begin again with `grind init`, or give this answer as {}.",
                    question.flag
                )))
            }
        }
    }
}

fn say(out: &mut impl Write, text: &str) -> Result<(), CliError> {
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| CliError::output(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(typed: Option<&str>, given: Option<&str>) -> (Result<String, CliError>, String) {
        let mut source = AnswerSource {
            typed: typed.map(str::as_bytes),
            asked: Vec::new(),
        };
        let question = Question {
            flag: "--library",
            words: "The library",
            given,
        };
        let answer = source.answer(&question, checks::library);
        (answer, String::from_utf8(source.asked).unwrap())
    }

    #[test]
    fn a_wrong_answer_is_asked_again_and_a_wrong_flag_is_not() {
        let (answer, said) = asked(Some("../x\n  TESTLIB \n"), None);
        assert_eq!(answer.unwrap(), "TESTLIB");
        assert_eq!(said.matches("The library: ").count(), 2, "{said}");
        let (answer, said) = asked(Some("TESTLIB\n"), Some("../x"));
        assert_eq!((answer.unwrap_err().exit(), said.as_str()), (ExitStatus::Config, ""));
        let (answer, said) = asked(Some("/\n/\n/\n/\nTESTLIB\n"), None);
        assert_eq!(answer.unwrap_err().exit(), ExitStatus::Config, "{said}");
    }

    #[test]
    fn an_object_store_is_asked_for_what_its_provider_does_not_tell() {
        let args = InitArgs::default();
        let given = InitArgs {
            endpoint: Some("https://given.example.org".parse().unwrap()),
            ..InitArgs::default()
        };
        for (url, args, typed, expected, questions) in [
            (
                "s3://b",
                &args,
                Some("https://minio.example.org:9000\nlocal\n"),
                ["https://minio.example.org:9000/", "local", ""],
                2,
            ),
            ("s3://b", &args, Some("http://minio.example.org\n\n\n"), ["", "", ""], 3),
            (
                "s3://b",
                &given,
                Some("eu-1\n"),
                ["https://given.example.org/", "eu-1", ""],
                1,
            ),
            ("az://c", &args, Some("\nbooks\n"), ["", "", "books"], 2),
            ("file:///srv/library", &args, Some(""), ["", "", ""], 0),
            ("s3://b", &given, None, ["https://given.example.org/", "", ""], 0),
        ] {
            let mut source = AnswerSource {
                typed: typed.map(str::as_bytes),
                asked: Vec::new(),
            };
            let StoreAnswers {
                endpoint,
                region,
                account,
            } = store(args, url, &mut source).unwrap();
            let found = [endpoint.map(String::from), region, account].map(Option::unwrap_or_default);
            let asked = String::from_utf8(source.asked).unwrap();
            assert_eq!(found, expected, "{url} {typed:?}");
            assert_eq!(asked.matches("(empty: ").count(), questions, "{asked}");
        }
    }

    #[test]
    fn conversions_are_asked_for_only_where_somebody_says_so() {
        for (typed, given, asks) in [
            (None, None, Some(false)),
            (None, Some("yes"), Some(true)),
            (Some("no\n"), Some("yes"), Some(true)),
            (Some("yes\n"), None, Some(true)),
            (Some("maybe\nNo\n"), None, Some(false)),
            (None, Some("maybe"), None),
            (Some(""), None, None),
        ] {
            let mut source = AnswerSource {
                typed: typed.map(str::as_bytes),
                asked: Vec::new(),
            };
            assert_eq!(source.conversions(given).ok(), asks, "{typed:?} {given:?}");
        }
    }

    #[test]
    fn without_a_terminal_the_flag_that_is_missing_is_named_and_where_the_input_ends_that_is_said() {
        for (typed, exit, words) in [
            (None, ExitStatus::Usage, "--library is missing"),
            (Some(""), ExitStatus::Config, "the input ended before all was answered"),
            (
                Some("../x\n"),
                ExitStatus::Config,
                "the input ended before all was answered",
            ),
        ] {
            let error = asked(typed, None).0.unwrap_err();
            assert_eq!(error.exit(), exit, "{error}");
            let told = error.to_string();
            assert!(told.contains(words) && told.contains("Nothing was written."), "{told}");
        }
    }
}
