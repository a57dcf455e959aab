//! Room `session`: the actor that owns the one awc client, and answers what it is asked.

use std::rc::Rc;
use std::sync::Arc;

use awc::http::header::{CONTENT_TYPE, ETAG, HeaderName, HeaderValue};
use tokio::time::{Instant, timeout};

use super::engine::{Ask, Engine, Opened};
use super::exchange::Outgoing;
use super::flight::InFlight;
use super::messages::{Close, CloseReport, Fetch, Head, Method, OpenBody, OpenStream, Reconfigure};
use super::stream::{Body, BodyHead, BodyStream, Pump, Resumable, Whole};
use super::{Answer, Auth, Class, Kind, SessionConfig, SessionCounters, SessionError};
use crate::grin::Validator;
use crate::mailbox::{ActorName, Cx, Hub, Serve, Worker};

/// The session owner. Many requests at a time; each holds a permit of its own.
pub struct SessionOwner {
    engine: Result<Rc<Engine>, SessionError>,
}

impl Worker for SessionOwner {
    const NAME: ActorName = ActorName::SessionOwner;
}

impl SessionOwner {
    pub(super) fn new(config: SessionConfig, hub: &Hub, counters: &Arc<SessionCounters>) -> Self {
        let engine = Engine::new(config, hub, counters);
        if let Ok(engine) = &engine {
            engine.keep_house();
        }
        Self { engine }
    }

    /// Serves a request: counted as in flight, ended when nobody wants it or the session is cut.
    fn request<T, F, S>(&self, cx: Cx, serve: S) -> impl Future<Output = Result<T, SessionError>> + use<T, F, S>
    where
        F: Future<Output = Result<T, SessionError>>,
        S: FnOnce(Rc<Engine>, InFlight, Cx) -> F,
    {
        let begun = self.engine.clone().and_then(|engine| {
            let flight = engine.take_off()?;
            // The future of a request has kilobytes: it is made once, and its address handed on.
            Ok((engine.cut_token(), Box::pin(serve(engine, flight, cx.clone()))))
        });
        async move {
            let (cut, serving) = begun?;
            tokio::select! {
                biased;
                answer = serving => answer,
                () = cx.cancelled() => Err(SessionError::Cancelled),
                () = cut.cancelled() => Err(SessionError::Cancelled),
            }
        }
    }
}

impl Serve<Head> for SessionOwner {
    fn serve(&mut self, head: Head, cx: Cx) -> impl Future<Output = Result<Answer, SessionError>> + 'static {
        self.request(cx, move |engine, flight, cx| async move {
            let _flight = flight;
            let outgoing = Outgoing::new(awc::http::Method::HEAD, head.kind);
            let ask = Ask {
                url: head.url,
                outgoing,
                class: head.class,
                auth: head.auth,
            };
            engine.open(&ask, None, Some(&cx)).await?.whole(0).await
        })
    }
}

impl Serve<Fetch> for SessionOwner {
    fn serve(&mut self, fetch: Fetch, cx: Cx) -> impl Future<Output = Result<Answer, SessionError>> + 'static {
        self.request(cx, move |engine, flight, cx| async move {
            let _flight = flight;
            let limit = fetch.limit;
            let ask = fetch.ask()?;
            engine.open(&ask, None, Some(&cx)).await?.whole(limit).await
        })
    }
}

impl Serve<OpenBody> for SessionOwner {
    fn serve(&mut self, mut open: OpenBody, cx: Cx) -> impl Future<Output = Result<Body, SessionError>> + 'static {
        self.request(cx, move |engine, flight, cx| async move {
            let work = open.take_work();
            let outgoing = Outgoing::new(awc::http::Method::GET, Kind::ArchiveBody);
            let ask = Ask {
                url: open.url,
                outgoing,
                class: Class::Bulk,
                auth: Auth::Grin,
            };
            let end = Instant::now() + engine.config().timeouts.download;
            let opened = engine.open(&ask, Some(end), Some(&cx)).await?;
            let head = body_head(&opened, open.validator.as_ref())?;
            let whole = head.validator.clone().filter(Validator::is_strong).zip(head.length);
            let whole = whole.map(|(validator, length)| Whole { validator, length });
            let (pump, reader) = Pump::for_reader(&engine, flight, opened, Resumable { ask, whole }, work);
            engine.run_pump(pump);
            Ok(Body { head, reader })
        })
    }
}

impl Serve<OpenStream> for SessionOwner {
    fn serve(
        &mut self,
        mut open: OpenStream,
        cx: Cx,
    ) -> impl Future<Output = Result<BodyStream, SessionError>> + 'static {
        self.request(cx, move |engine, flight, cx| async move {
            let work = open.take_work();
            let outgoing = Outgoing::new(awc::http::Method::GET, open.kind);
            let ask = Ask {
                url: open.url,
                outgoing,
                class: open.class,
                auth: Auth::Grin,
            };
            let end = Instant::now() + engine.config().timeouts_of(open.class).download;
            let opened = engine.open(&ask, Some(end), Some(&cx)).await?;
            require_body(&opened)?;
            let (pump, stream) = Pump::for_stream(&engine, flight, opened, work);
            engine.run_pump(pump);
            Ok(stream)
        })
    }
}

impl Serve<Reconfigure> for SessionOwner {
    fn serve(&mut self, changed: Reconfigure, _: Cx) -> impl Future<Output = Result<(), SessionError>> + 'static {
        let done = self
            .engine
            .as_ref()
            .map_err(Clone::clone)
            .map(|engine| engine.reconfigure(&changed));
        std::future::ready(done)
    }
}

impl Serve<Close> for SessionOwner {
    fn serve(&mut self, close: Close, _: Cx) -> impl Future<Output = Result<CloseReport, SessionError>> + 'static {
        let engine = self.engine.clone();
        async move {
            match engine {
                Ok(engine) => Ok(engine.close(close).await),
                Err(_) => Ok(CloseReport {
                    was_open: false,
                    finished: 0,
                    cut: 0,
                }),
            }
        }
    }
}

impl Engine {
    fn reconfigure(&self, changed: &Reconfigure) {
        if let Some(rate) = changed.requests_per_second {
            self.pacer.set_rate(rate);
        }
        if let Some(limits) = &changed.limits {
            self.permits.set_limits(limits);
        }
        if let Some(speed) = changed.minimum_speed {
            self.set_minimum_speed(speed);
        }
    }

    /// Waits for what goes on, cuts what does not end in time, and lets go of the client. A close during a close joins it.
    async fn close(self: Rc<Self>, close: Close) -> CloseReport {
        let was_open = self.net.is_open() && !self.is_closing();
        let before = self.flight().count();
        self.begin_closing();
        let reopen = Reopen(Rc::clone(&self));
        let in_time = timeout(close.grace, self.flight().all_landed()).await.is_ok();
        let cut = if in_time { 0 } else { self.flight().count() };
        if !in_time {
            self.cut_all();
            self.flight().all_landed().await;
        }
        self.net.let_go();
        drop(reopen);
        CloseReport {
            was_open,
            finished: before - cut.min(before),
            cut,
        }
    }

    /// Closes idle connections in time: awc does so only when the next request to the same host comes.
    fn keep_house(self: &Rc<Self>) {
        let engine = Rc::downgrade(self);
        let interval = self.net.reap_interval();
        self.run_in_background(async move {
            loop {
                tokio::time::sleep(interval).await;
                let Some(engine) = engine.upgrade() else { return };
                engine.net.reap();
            }
        });
    }
}

/// Lets requests in again, also when the close was dropped half-way.
struct Reopen(Rc<Engine>);

impl Drop for Reopen {
    fn drop(&mut self) {
        self.0.end_closing();
    }
}

impl Fetch {
    fn ask(self) -> Result<Ask, SessionError> {
        let unsendable = |name: &str| SessionError::BadRequest(format!("header {name:?} cannot be sent"));
        let method = match &self.method {
            Method::Get => awc::http::Method::GET,
            Method::Post { .. } => awc::http::Method::POST,
            Method::Delete => awc::http::Method::DELETE,
        };
        let mut outgoing = Outgoing::new(method, self.kind);
        if let Method::Post { content_type, body } = self.method {
            outgoing.content_type(content_type);
            outgoing.body = Some(body);
        }
        for (name, value) in &self.headers {
            let pair = HeaderName::try_from(name.as_str())
                .ok()
                .zip(HeaderValue::try_from(value.as_str()).ok());
            outgoing.headers.push(pair.ok_or_else(|| unsendable(name))?);
        }
        Ok(Ask {
            url: self.url,
            outgoing,
            class: self.class,
            auth: self.auth,
        })
    }
}

/// Refuses every answer that has no whole body.
fn require_body(opened: &Opened) -> Result<(), SessionError> {
    match opened.incoming.status() {
        200 => opened.incoming.require_framing(),
        404 => Err(SessionError::NotFound),
        status => Err(SessionError::Unexpected {
            status,
            snippet: String::new(),
        }),
    }
}

fn body_head(opened: &Opened, seen: Option<&Validator>) -> Result<BodyHead, SessionError> {
    require_body(opened)?;
    let incoming = &opened.incoming;
    let validator = incoming.header(ETAG).and_then(|text| Validator::parse(text).ok());
    let changed = match (&validator, seen) {
        (Some(now), Some(seen)) => !now.same_archive(seen),
        _ => false,
    };
    Ok(BodyHead {
        validator,
        length: incoming.length(),
        content_type: incoming.header(CONTENT_TYPE).map(str::to_owned),
        url: opened.url.clone(),
        changed,
    })
}
