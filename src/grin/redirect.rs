//! Where a redirect may lead, and where the token may go.

use url::{Host, Url};

/// A `Location` longer than this is not GRIN's.
const LONGEST_LOCATION: usize = 8 * 1024;

/// The rules of PROTOCOL.md, section 2 ("Redirects and the token") as values.
#[derive(Debug, Clone)]
pub struct RedirectPolicy {
    token_hosts: Vec<TokenHost>,
    redirect_hosts: Vec<String>,
    /// Redirects followed at most for one request.
    pub max_hops: usize,
}

/// An exact host that may see the bearer token.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TokenHost {
    host: String,
    /// `None`: the scheme's own port.
    port: Option<u16>,
    /// Only GRIN's own base address may be plain http (a simulator on loopback); everything else needs https.
    plain_allowed: bool,
}

/// A redirect that may be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectHop {
    /// The absolute address to ask next.
    pub url: Url,
    /// Whether the bearer token may be sent there.
    pub with_token: bool,
}

/// Why a redirect is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectRefused {
    /// To Google's sign-in page: the token is not accepted. Refresh it once, then give up.
    #[error("redirected to the sign-in page: the token is not accepted")]
    SignIn,
    /// More hops than allowed, or a loop.
    #[error("more than {0} redirects")]
    TooManyHops(usize),
    /// From https to http.
    #[error("redirected from https to plain {0}")]
    Downgrade(String),
    /// To a host outside the list.
    #[error("redirected to {0}, which is not in grin.redirect_hosts")]
    ForeignHost(String),
    /// To a host of the list, at a port of its own.
    #[error("redirected to {0}: the hosts in grin.redirect_hosts are asked at the usual port only")]
    ForeignPort(String),
    /// An answer 3xx without a `Location`, or with an empty one.
    #[error("redirected without an address: the answer has no Location that says where to ask")]
    NoAddress,
    /// An answer 3xx without a usable `Location`.
    #[error("redirected to an address that cannot be used: {0}")]
    BadLocation(String),
}

impl RedirectPolicy {
    /// Rules for one GRIN: `base` is its address; no `token_hosts` means the host of `base` alone.
    ///
    /// A token host is `host` or `host:port`. Without a port the scheme's own is meant, and the port of `base` if it is the same host.
    /// A redirect host stands for itself and everything under it.
    pub fn new(base: &Url, token_hosts: &[String], redirect_hosts: &[String]) -> Self {
        let own = TokenHost {
            host: base.host_str().unwrap_or_default().to_ascii_lowercase(),
            port: base.port(),
            plain_allowed: base.scheme() == "http",
        };
        let token_hosts = if token_hosts.is_empty() {
            vec![own]
        } else {
            token_hosts.iter().map(|entry| TokenHost::listed(entry, &own)).collect()
        };
        Self {
            token_hosts,
            redirect_hosts: redirect_hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            max_hops: 5,
        }
    }

    /// Judges one redirect; `hops` is how many were followed before it.
    pub fn judge(&self, from: &Url, location: &str, hops: usize) -> Result<RedirectHop, RedirectRefused> {
        if hops >= self.max_hops {
            return Err(RedirectRefused::TooManyHops(self.max_hops));
        }
        let mut url = resolve(from, location)?;
        if is_sign_in(&url) {
            return Err(RedirectRefused::SignIn);
        }
        if from.scheme() == "https" && url.scheme() != "https" {
            return Err(RedirectRefused::Downgrade(url.scheme().to_owned()));
        }
        url.set_fragment(None);
        let with_token = self.may_carry_token(&url);
        if self.may_ask(&url) {
            return Ok(RedirectHop { url, with_token });
        }
        Err(self.refusal_of(&url))
    }

    /// Why an address may not be asked.
    pub fn refusal_of(&self, url: &Url) -> RedirectRefused {
        let host = url.host_str().unwrap_or_default();
        match url.port() {
            Some(port) if self.lists(host) => RedirectRefused::ForeignPort(format!("{host}:{port}")),
            _ => RedirectRefused::ForeignHost(host.to_owned()),
        }
    }

    /// Whether the bearer token may be sent to this address: exact host and port, https unless GRIN's own address is plain.
    pub fn may_carry_token(&self, url: &Url) -> bool {
        url.username().is_empty() && url.password().is_none() && self.token_hosts.iter().any(|entry| entry.covers(url))
    }

    /// Whether GRIN may be asked at this address at all, with or without the token: what holds for redirects holds for links.
    pub fn may_ask(&self, url: &Url) -> bool {
        self.may_carry_token(url) || self.may_lead_to(url)
    }

    fn may_lead_to(&self, url: &Url) -> bool {
        let Some(Host::Domain(host)) = url.host() else {
            let host = url.host_str().unwrap_or_default();
            return self.redirect_hosts.iter().any(|allowed| allowed == host);
        };
        url.port().is_none() && self.lists(host)
    }

    /// Whether a name is one of the redirect hosts or under one.
    fn lists(&self, host: &str) -> bool {
        self.redirect_hosts.iter().any(|allowed| is_under(host, allowed))
    }
}

impl TokenHost {
    fn listed(entry: &str, own: &Self) -> Self {
        let entry = entry.to_ascii_lowercase();
        let (host, port) = match entry.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>())) {
            Some((host, Ok(port))) => (host.to_owned(), Some(port)),
            _ => (entry.clone(), None),
        };
        let is_own = host == own.host && (port.is_none() || port == own.port);
        if is_own {
            return own.clone();
        }
        Self {
            host,
            port,
            plain_allowed: false,
        }
    }

    fn covers(&self, url: &Url) -> bool {
        let secure = url.scheme() == "https" || (url.scheme() == "http" && self.plain_allowed);
        secure && url.host_str() == Some(self.host.as_str()) && url.port() == self.port
    }
}

fn resolve(from: &Url, location: &str) -> Result<Url, RedirectRefused> {
    let refused = |because: &str| RedirectRefused::BadLocation(because.to_owned());
    if location.trim().is_empty() {
        return Err(RedirectRefused::NoAddress);
    }
    if location.len() > LONGEST_LOCATION {
        return Err(refused("it is longer than 8 KiB"));
    }
    let url = from
        .join(location.trim())
        .map_err(|error| refused(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(refused("it is not http or https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("it holds a user name"));
    }
    Ok(url)
}

/// Google's sign-in pages all live on one host (PROTOCOL.md, section 2: `accounts.google.com/ServiceLogin…`).
fn is_sign_in(url: &Url) -> bool {
    url.host_str() == Some("accounts.google.com")
}

fn is_under(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn grin() -> RedirectPolicy {
        let hosts = ["google.com", "googleusercontent.com", "googleapis.com"].map(str::to_owned);
        RedirectPolicy::new(&url("https://books.google.com/libraries/"), &[], &hosts)
    }

    #[test]
    fn token_stays_with_its_host() {
        let from = url("https://books.google.com/libraries/LIB/A.tar.gz.gpg");
        for (location, to, with_token) in [
            ("/libraries/LIB/B", "https://books.google.com/libraries/LIB/B", true),
            ("B?x=1#part", "https://books.google.com/libraries/LIB/B?x=1", true),
            ("https://BOOKS.google.com/x", "https://books.google.com/x", true),
            ("//books.google.com/x", "https://books.google.com/x", true),
            ("https://drive.google.com/x", "https://drive.google.com/x", false),
            (
                "https://a.b.googleusercontent.com/x",
                "https://a.b.googleusercontent.com/x",
                false,
            ),
        ] {
            let hop = grin().judge(&from, location, 0).unwrap();
            assert_eq!(
                hop,
                RedirectHop {
                    url: url(to),
                    with_token
                },
                "{location}"
            );
        }
    }

    #[test]
    fn foreign_plain_and_crooked_addresses_are_refused() {
        let from = url("https://books.google.com/libraries/LIB/A");
        let foreign = |host: &str| RedirectRefused::ForeignHost(host.to_owned());
        for (location, why) in [
            ("https://evil.example/x", foreign("evil.example")),
            ("https://notgoogle.com/x", foreign("notgoogle.com")),
            ("https://google.com.evil.example/", foreign("google.com.evil.example")),
            (
                "https://drive.google.com:8443/x",
                RedirectRefused::ForeignPort("drive.google.com:8443".to_owned()),
            ),
            ("https://evil.example:8443/x", foreign("evil.example")),
            ("https://127.0.0.1/x", foreign("127.0.0.1")),
            ("http://books.google.com/x", RedirectRefused::Downgrade("http".into())),
            ("https://accounts.google.com/ServiceLogin?x", RedirectRefused::SignIn),
            ("https://accounts.google.com/v3/signin", RedirectRefused::SignIn),
        ] {
            assert_eq!(grin().judge(&from, location, 0), Err(why), "{location}");
        }
        for location in ["", "  "] {
            assert_eq!(grin().judge(&from, location, 0), Err(RedirectRefused::NoAddress));
        }
        for location in [
            "ftp://books.google.com/x",
            "https://u:p@books.google.com/",
            "https://",
            "data:,x",
        ] {
            assert!(
                matches!(grin().judge(&from, location, 0), Err(RedirectRefused::BadLocation(_))),
                "{location}"
            );
        }
        let long = format!("/{}", "x".repeat(9_000));
        assert!(matches!(
            grin().judge(&from, &long, 0),
            Err(RedirectRefused::BadLocation(_))
        ));
    }

    #[test]
    fn a_loop_ends_at_the_fifth_hop() {
        let here = url("https://books.google.com/a");
        assert!(grin().judge(&here, "/a", 4).is_ok());
        assert_eq!(grin().judge(&here, "/a", 5), Err(RedirectRefused::TooManyHops(5)));
    }

    #[test]
    fn plain_http_carries_the_token_only_to_a_plain_base() {
        let policy = RedirectPolicy::new(&url("http://127.0.0.1:9000/libraries/"), &[], &[]);
        for (address, allowed) in [
            ("http://127.0.0.1:9000/x", true),
            ("http://127.0.0.1:9001/x", false),
            ("http://localhost:9000/x", false),
            ("https://books.google.com/x", false),
        ] {
            assert_eq!(policy.may_carry_token(&url(address)), allowed, "{address}");
        }
        assert!(!grin().may_carry_token(&url("http://books.google.com/x")));
        assert!(!grin().may_carry_token(&url("https://u@books.google.com/x")));
    }

    #[test]
    fn listed_token_hosts_replace_the_default() {
        let hosts = ["localhost".to_owned(), "other.example:8443".to_owned()];
        let policy = RedirectPolicy::new(&url("http://localhost:9000/"), &hosts, &[]);
        for (address, allowed) in [
            ("http://localhost:9000/x", true),
            ("https://other.example:8443/x", true),
            ("https://other.example/x", false),
            ("http://other.example:8443/x", false),
        ] {
            assert_eq!(policy.may_carry_token(&url(address)), allowed, "{address}");
        }
    }
}
