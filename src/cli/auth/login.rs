//! `grind auth login`: OAuth 2.0 for installed applications, with PKCE and `state` (RFC 8252).

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenResponse};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, TokenResponse, TokenUrl,
};
use tokio::net::TcpListener;
use url::Url;

use crate::cli::auth::answer::RedirectAnswer;
use crate::cli::auth::listener;
use crate::cli::error::{CliError, CommandResult};
use crate::cli::exit::ExitStatus;
use crate::cli::grin_line::GrinLine;
use crate::cli::{grin_line, output, root};
use crate::grin::{ClientSecretFile, CredentialsFile, Secret, SecretFileError, TokenUriPolicy};
use crate::session::{AuthMode, FetchAnswer, PermitClass, RequestKind, RequestMethod, SessionError, TokenSource};
use crate::settings::Settings;

/// The scopes requested; they only identify the account to GRIN (src/grin/PROTOCOL.md, section 2).
const SCOPES: [&str; 3] = [
    "openid",
    "https://www.googleapis.com/auth/userinfo.email",
    "https://www.googleapis.com/auth/userinfo.profile",
];

/// How long a person may take in the browser.
const PATIENCE: Duration = Duration::from_mins(15);
/// How often a pasted address may be wrong.
const PASTES: usize = 3;
/// Bytes of a pasted address.
const PASTED: u64 = 16 * 1024;
/// Bytes of a token endpoint's answer.
const ANSWER: usize = 64 * 1024;

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// What a login needs to know before a person is asked.
struct Application {
    file: ClientSecretFile,
    token_uri: Url,
    credentials: PathBuf,
}

/// One question to a person, and how its answer is known.
struct Question {
    client: Client,
    address: Url,
    redirect: Url,
    state: CsrfToken,
    verifier: PkceCodeVerifier,
}

/// Signs in and writes the credentials.
pub(super) fn run(settings: &Settings, no_browser: bool) -> CommandResult {
    let application = Application::of(settings)?;
    let mut config = grin_line::config(settings)?;
    // The token address is asked without a token, and what the old files hold does not matter.
    config.tokens = TokenSource::None;
    grin_line::with(config, async |line: &GrinLine| {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.and_then(|listener| {
            let port = listener.local_addr()?.port();
            Ok((listener, port))
        });
        let (listener, port) = listener.map_err(|error| {
            CliError::new(ExitStatus::Unavailable, "cannot listen for the browser on 127.0.0.1")
                .because(&error)
                .advise("Try `grind auth login --no-browser`.")
        })?;
        let question = application.question(port)?;
        let answer = if no_browser {
            // Whoever opens the address here shall see at once that nobody takes the answer but the clipboard.
            drop(listener);
            question.pasted()?
        } else {
            question.heard(&listener).await?
        };
        let tokens = question.exchange(code(answer)?, line).await?;
        application.keep(&tokens)
    })?;
    output::print(&format!(
        "Signed in; {} is written. A running daemon goes on by itself; `grind auth status` tells whether GRIN accepts it.\n",
        settings
            .auth
            .credentials_file
            .as_deref()
            .unwrap_or(Path::new(""))
            .display()
    ))?;
    Ok(ExitStatus::Done)
}

impl Application {
    fn of(settings: &Settings) -> Result<Self, CliError> {
        let auth = &settings.auth;
        let missing = |key: &str, advice: &str| {
            CliError::new(ExitStatus::Config, "cannot sign in")
                .cause(format!("{key} is not set"))
                .advise(advice)
        };
        if auth.service_account_file.is_some() {
            return Err(CliError::new(ExitStatus::Config, "a login would not be used")
                .cause("auth.service_account_file is set, and a service account needs no login")
                .advise(
                    "`grind auth status` tells whether GRIN accepts it; to sign in as a person, take that key out.",
                ));
        }
        let client_file = auth.client_secret_file.as_deref().ok_or_else(|| {
            let advice = "Name the client_secret.json of your OAuth client (type \"Desktop app\") there.";
            missing("auth.client_secret_file", advice)
        })?;
        let credentials = auth.credentials_file.clone().ok_or_else(|| {
            missing(
                "auth.credentials_file",
                "Say there where the credentials shall be written.",
            )
        })?;
        let file = ClientSecretFile::read(client_file).map_err(|error| unusable(&error))?;
        let token_uri = TokenUriPolicy::new(&auth.token_uri_allowed)
            .and_then(|policy| policy.check(&file.token_uri))
            .map_err(|error| {
                CliError::new(ExitStatus::NotPermitted, "cannot sign in")
                    .because(&error)
                    .advise(
                        "Get client_secret.json from Google again; only if that address is truly yours, add it to \
                     auth.token_uri_allowed.",
                    )
            })?;
        writable(&credentials)?;
        Ok(Self {
            file,
            token_uri,
            credentials,
        })
    }

    fn question(&self, port: u16) -> Result<Question, CliError> {
        let redirect = format!("http://127.0.0.1:{port}/");
        let redirect =
            Url::parse(&redirect).map_err(|error| CliError::new(ExitStatus::Internal, "no address").because(&error))?;
        if !matches!(self.file.auth_uri.scheme(), "https" | "http") {
            return Err(CliError::new(ExitStatus::NotPermitted, "cannot sign in")
                .cause("auth_uri of the client secret is no web address")
                .advise("Get client_secret.json from Google again."));
        }
        let client = BasicClient::new(ClientId::new(self.file.client_id.clone()))
            .set_client_secret(ClientSecret::new(self.file.client_secret.expose().to_owned()))
            .set_auth_uri(AuthUrl::from_url(self.file.auth_uri.clone()))
            .set_token_uri(TokenUrl::from_url(self.token_uri.clone()))
            .set_redirect_uri(RedirectUrl::from_url(redirect.clone()))
            .set_auth_type(AuthType::RequestBody);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (address, state) = client
            .authorize_url(CsrfToken::new_random)
            .add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(challenge)
            // Without these two Google gives no refresh token, or only the first time.
            .add_extra_param("access_type", "offline")
            .add_extra_param("prompt", "consent")
            .url();
        Ok(Question {
            client,
            address,
            redirect,
            state,
            verifier,
        })
    }

    fn keep(&self, tokens: &BasicTokenResponse) -> Result<(), CliError> {
        let Some(refresh_token) = tokens.refresh_token() else {
            return Err(CliError::new(
                ExitStatus::NotPermitted,
                "Google gave no refresh token, so nothing was written",
            )
            .advise("Take grind's access away at https://myaccount.google.com/permissions and sign in again."));
        };
        let expiry = tokens
            .expires_in()
            .and_then(|life| Timestamp::now().checked_add(life).ok());
        let credentials = CredentialsFile {
            token: Secret::new(tokens.access_token().secret().as_str()),
            refresh_token: Secret::new(refresh_token.secret().as_str()),
            token_uri: Some(self.token_uri.to_string()),
            client_id: self.file.client_id.clone(),
            client_secret: self.file.client_secret.clone(),
            scopes: SCOPES.map(str::to_owned).to_vec(),
            expiry,
            other: serde_json::Map::new(),
        };
        credentials.write(&self.credentials).map_err(|error| {
            CliError::new(
                ExitStatus::CannotCreate,
                "signed in, but the credentials cannot be kept",
            )
            .because(&error)
            .advise("Mend this and sign in again.")
        })
    }
}

impl Question {
    /// Waits for the browser at our own address.
    async fn heard(&self, listener: &TcpListener) -> Result<RedirectAnswer, CliError> {
        output::print(&format!(
            "Open this address in a browser on this machine and allow the access:\n\n{}\n\nWaiting for the answer …\n",
            self.address
        ))?;
        open_browser(&self.address);
        let late = "Start it again; for a browser on another machine use `grind auth login --no-browser`.";
        tokio::time::timeout(PATIENCE, listener::wait(listener, self.state.secret()))
            .await
            .map_err(|_| not_signed_in("nobody answered for 15 minutes").advise(late))
    }

    /// Takes the address that a browser elsewhere was sent to.
    fn pasted(&self) -> Result<RedirectAnswer, CliError> {
        output::print(&format!(
            "Open this address in any browser and allow the access:\n\n{}\n\nThe browser then fails to open a page at {}; \
             that is expected.\nCopy the whole address of that page out of its address bar and paste it here:\n",
            self.address, self.redirect
        ))?;
        let mut stdin = std::io::stdin().lock();
        for _ in 0..PASTES {
            let mut line = String::new();
            let read = stdin.by_ref().take(PASTED).read_line(&mut line);
            let got = read.map_err(|error| not_signed_in("nothing could be read").because(&error))?;
            if got == 0 {
                break;
            }
            match self.judge(&line) {
                Ok(answer) => return Ok(answer),
                Err(why) => output::print(&format!("{why}\n"))?,
            }
        }
        Err(not_signed_in("no address with an answer to this sign-in was pasted")
            .advise("Start it again, and paste the whole address, beginning with http://127.0.0.1."))
    }

    fn judge(&self, pasted: &str) -> Result<RedirectAnswer, String> {
        let whole = format!("the whole address is needed, beginning with {}?", self.redirect);
        let address = Url::parse(pasted.trim()).map_err(|_| format!("That is no address; {whole}"))?;
        match RedirectAnswer::of(address.query().unwrap_or_default(), self.state.secret()) {
            RedirectAnswer::Foreign => {
                Err("That address answers another sign-in; paste the one that this one led to.".to_owned())
            }
            RedirectAnswer::None => Err(format!("There is no answer in that address; {whole}")),
            answer => Ok(answer),
        }
    }

    /// The tokens for a code.
    async fn exchange(self, code: AuthorizationCode, line: &GrinLine) -> Result<BasicTokenResponse, CliError> {
        let post = |request: HttpRequest| post(line, request);
        self.client
            .exchange_code(code)
            .set_pkce_verifier(self.verifier)
            .request_async(&post)
            .await
            .map_err(|error| no_tokens(&error))
    }
}

fn code(answer: RedirectAnswer) -> Result<AuthorizationCode, CliError> {
    match answer {
        RedirectAnswer::Code(code) => Ok(code),
        RedirectAnswer::Denied(why) => Err(not_signed_in(&format!("the access was not allowed: {why}"))
            .advise("Start it again and allow the access with the account that is on the library's list.")),
        RedirectAnswer::Foreign | RedirectAnswer::None => Err(not_signed_in("no answer came")),
    }
}

/// A request of the oauth2 crate, sent by our session.
async fn post(line: &GrinLine, request: HttpRequest) -> Result<HttpResponse, SessionError> {
    let url = Url::parse(&request.uri().to_string()).map_err(|error| SessionError::BadRequest(error.to_string()))?;
    let fetch = FetchAnswer {
        url,
        method: RequestMethod::Post {
            content_type: "application/x-www-form-urlencoded",
            body: request.into_body().into(),
        },
        headers: vec![("accept".to_owned(), "application/json".to_owned())],
        class: PermitClass::Auth,
        kind: RequestKind::Token,
        auth: AuthMode::None,
        limit: ANSWER,
    };
    let answer = line.session.ask(fetch, &line.cx).await?;
    let mut response = HttpResponse::new(answer.body.to_vec());
    *response.status_mut() =
        http::StatusCode::from_u16(answer.status).map_err(|error| SessionError::Protocol(error.to_string()))?;
    if let Some(kind) = answer.headers.get("content-type").and_then(|kind| kind.parse().ok()) {
        response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    }
    Ok(response)
}

/// Says why without quoting an answer that may hold a token.
fn no_tokens(error: &RequestTokenError<SessionError, BasicErrorResponse>) -> CliError {
    match error {
        RequestTokenError::ServerResponse(said) => not_signed_in("the token address refused")
            .cause(said.to_string())
            .advise("Start `grind auth login` again; a code is good once and for a few minutes."),
        RequestTokenError::Request(error) => grin_line::failed(error),
        _ => CliError::new(
            ExitStatus::Unavailable,
            "the token address gave an answer that cannot be understood",
        )
        .advise("Nothing was changed. Is there a proxy in between? Try again."),
    }
}

fn not_signed_in(why: &str) -> CliError {
    CliError::new(ExitStatus::NotPermitted, "not signed in").cause(why)
}

/// A file with a secret that cannot be used; its own text says what to do.
pub(super) fn unusable(error: &SecretFileError) -> CliError {
    let advice = match error {
        SecretFileError::Exposed { path, .. } => format!("Close it to others: chmod 600 {}", path.display()),
        SecretFileError::Io { .. } => "See that the file is there and that this user may read it.".to_owned(),
        SecretFileError::Malformed { .. } => {
            "Put the right file in place; `grind auth login` makes credentials.".to_owned()
        }
    };
    CliError::new(ExitStatus::NotPermitted, "a file with a secret cannot be used")
        .because(error)
        .advise(advice)
}

/// Found out before a person is sent to a browser.
fn writable(credentials: &Path) -> Result<(), CliError> {
    root::refuse_beside(credentials)?;
    let folder = credentials.parent().filter(|folder| !folder.as_os_str().is_empty());
    let probe = tempfile::tempfile_in(folder.unwrap_or(Path::new(".")));
    probe.map(drop).map_err(|error| {
        CliError::new(ExitStatus::CannotCreate, "the credentials could not be written")
            .cause(credentials.display().to_string())
            .because(&error)
            .advise("Run it as the user that owns this folder, or name another file in auth.credentials_file.")
    })
}

/// A convenience: the address is printed in any case.
fn open_browser(address: &Url) {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("DISPLAY") || set("WAYLAND_DISPLAY") {
        let mut command = Command::new("xdg-open");
        command.arg(address.as_str()).stdin(Stdio::null());
        drop(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn());
    }
}
