//! The actor that owns the one awc client, and answers what it is asked.

use std::rc::Rc;
use std::sync::Arc;

use awc::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use tokio::time::timeout;

use crate::actor::{ActorName, ActorRegistry, AskContext, ServeMessages, Worker};
use crate::session::engine::SessionEngine;
use crate::session::exchange::OutgoingRequest;
use crate::session::in_flight::InFlightGuard;
use crate::session::messages::{
    CloseSession, FetchAnswer, HeadRequest, OpenBody, OpenStream, ReconfigureSession, RequestMethod, SessionCloseReport,
};
use crate::session::request::{OpenedRequest, RequestSpec, ResponseTime, declared};
use crate::session::stream::{ArchiveBody, BodyPump, BodyStream, ContentCoding, ResumePoint};
use crate::session::{
    AuthMode, PermitClass, RateSource, RequestKind, SessionConfig, SessionCounters, SessionError, SmallAnswer,
};

/// The session owner. Many requests at a time; each holds a permit of its own.
pub struct SessionOwner {
    engine: Result<Rc<SessionEngine>, SessionError>,
}

impl Worker for SessionOwner {
    const NAME: ActorName = ActorName::SessionOwner;
}

impl SessionOwner {
    pub(super) fn new(
        config: SessionConfig,
        rate: Option<Arc<dyn RateSource>>,
        hub: &ActorRegistry,
        counters: &Arc<SessionCounters>,
    ) -> Self {
        let engine = SessionEngine::new(config, rate, hub, counters);
        if let Ok(engine) = &engine {
            engine.keep_up_to_date();
        }
        Self { engine }
    }

    /// Serves a request: counted as in flight, ended when nobody wants it or the session is cut.
    fn request<T, F, S>(&self, cx: AskContext, serve: S) -> impl Future<Output = Result<T, SessionError>> + use<T, F, S>
    where
        F: Future<Output = Result<T, SessionError>>,
        S: FnOnce(Rc<SessionEngine>, InFlightGuard, AskContext) -> F,
    {
        let begun = self.engine.clone().and_then(|engine| {
            let flight = engine.begin_request()?;
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

impl ServeMessages<HeadRequest> for SessionOwner {
    fn serve(
        &mut self,
        head: HeadRequest,
        cx: AskContext,
    ) -> impl Future<Output = Result<SmallAnswer, SessionError>> + 'static {
        self.request(cx, move |engine, flight, cx| async move {
            let _flight = flight;
            let outgoing = OutgoingRequest::new(awc::http::Method::HEAD, head.kind);
            let ask = RequestSpec {
                url: head.url,
                outgoing,
                class: head.class,
                auth: head.auth,
            };
            engine.open(&ask, ResponseTime::Small, Some(&cx)).await?.whole(0).await
        })
    }
}

impl ServeMessages<FetchAnswer> for SessionOwner {
    fn serve(
        &mut self,
        fetch: FetchAnswer,
        cx: AskContext,
    ) -> impl Future<Output = Result<SmallAnswer, SessionError>> + 'static {
        self.request(cx, move |engine, flight, cx| async move {
            let _flight = flight;
            let limit = fetch.limit;
            let ask = fetch.ask()?;
            let opened = engine.open(&ask, ResponseTime::Small, Some(&cx)).await?;
            declared(Some(&cx), "answer", opened.whole(limit)).await
        })
    }
}

impl ServeMessages<OpenBody> for SessionOwner {
    fn serve(
        &mut self,
        mut open: OpenBody,
        cx: AskContext,
    ) -> impl Future<Output = Result<ArchiveBody, SessionError>> + 'static {
        self.request(cx, move |engine, flight, cx| async move {
            let work = open.take_work();
            let outgoing = OutgoingRequest::new(awc::http::Method::GET, RequestKind::ArchiveBody);
            let ask = RequestSpec {
                url: open.url,
                outgoing,
                class: PermitClass::Bulk,
                auth: AuthMode::Grin,
            };
            let time = ResponseTime::Body(engine.config().timeouts.download);
            let opened = engine.open(&ask, time, Some(&cx)).await?;
            let point = ResumePoint::of(ask, &opened)?.of_one_version(open.one_version);
            let head = point.head();
            let (pump, reader) = BodyPump::for_reader(&engine, flight, opened, point, work);
            engine.run_pump(pump);
            Ok(ArchiveBody { head, reader })
        })
    }
}

impl ServeMessages<OpenStream> for SessionOwner {
    fn serve(
        &mut self,
        mut open: OpenStream,
        cx: AskContext,
    ) -> impl Future<Output = Result<BodyStream, SessionError>> + 'static {
        self.request(cx, move |engine, flight, cx| async move {
            let work = open.take_work();
            let outgoing = OutgoingRequest::new(awc::http::Method::GET, open.kind);
            let ask = RequestSpec {
                url: open.url,
                outgoing,
                class: open.class,
                auth: AuthMode::Grin,
            };
            let time = ResponseTime::Body(engine.config().timeouts_of(open.class).download);
            let opened = engine.open(&ask, time, Some(&cx)).await?;
            opened.require_body()?;
            require_end(&opened)?;
            let (pump, stream) = BodyPump::for_stream(&engine, flight, opened, work);
            engine.run_pump(pump);
            Ok(stream)
        })
    }
}

impl ServeMessages<ReconfigureSession> for SessionOwner {
    fn serve(
        &mut self,
        changed: ReconfigureSession,
        _: AskContext,
    ) -> impl Future<Output = Result<(), SessionError>> + 'static {
        let done = self
            .engine
            .as_ref()
            .map_err(Clone::clone)
            .map(|engine| engine.reconfigure(&changed));
        std::future::ready(done)
    }
}

impl ServeMessages<CloseSession> for SessionOwner {
    fn serve(
        &mut self,
        close: CloseSession,
        _: AskContext,
    ) -> impl Future<Output = Result<SessionCloseReport, SessionError>> + 'static {
        let engine = self.engine.clone();
        async move {
            match engine {
                Ok(engine) => Ok(engine.close(close).await),
                Err(_) => Ok(SessionCloseReport {
                    was_open: false,
                    finished: 0,
                    cut: 0,
                }),
            }
        }
    }
}

impl SessionEngine {
    fn reconfigure(&self, changed: &ReconfigureSession) {
        if let Some(rate) = changed.requests_per_second {
            self.pacer.set_rate(rate);
        }
        if let Some(limits) = &changed.limits {
            self.permits.set_limits(limits);
        }
        if let Some(speed) = changed.minimum_speed {
            self.set_minimum_speed(speed);
        }
        if let Some(most) = changed.bulk_most {
            self.resize_window(most);
        }
        if let Some(bandwidth) = &changed.bandwidth {
            self.bandwidth.set(bandwidth.clone());
        }
        if let Some(longest) = changed.longest_pause {
            self.pacer.set_longest_pause(longest);
        }
        if changed.tries_to_sign_in {
            self.keeper.try_at_once();
        }
    }

    /// Waits for what goes on, cuts what does not end in time, and drops the client. A close during a close joins it.
    async fn close(self: Rc<Self>, close: CloseSession) -> SessionCloseReport {
        let was_open = self.net.is_open() && !self.is_closing();
        let before = self.in_flight().count();
        self.begin_closing();
        let reopen = Reopen(Rc::clone(&self));
        let in_time = timeout(close.grace, self.in_flight().wait_idle()).await.is_ok();
        let cut = if in_time { 0 } else { self.in_flight().count() };
        if !in_time {
            self.cut_all();
            self.in_flight().wait_idle().await;
        }
        self.net.drop_client();
        drop(reopen);
        SessionCloseReport {
            was_open,
            finished: before - cut.min(before),
            cut,
        }
    }

    /// Does in time what otherwise waits for the next request: closes idle connections, and follows the timetable of the bandwidth.
    fn keep_up_to_date(self: &Rc<Self>) {
        let engine = Rc::downgrade(self);
        let interval = self.net.reap_interval();
        self.run_in_background(async move {
            loop {
                tokio::time::sleep(interval).await;
                let Some(engine) = engine.upgrade() else { return };
                engine.net.reap();
                engine.bandwidth.refresh();
            }
        });
    }
}

/// Lets requests in again, also when the close was dropped half-way.
struct Reopen(Rc<SessionEngine>);

impl Drop for Reopen {
    fn drop(&mut self) {
        self.0.end_closing();
    }
}

impl FetchAnswer {
    fn ask(self) -> Result<RequestSpec, SessionError> {
        let unsendable = |name: &str| SessionError::BadRequest(format!("header {name:?} cannot be sent"));
        let method = match &self.method {
            RequestMethod::Get => awc::http::Method::GET,
            RequestMethod::Post { .. } => awc::http::Method::POST,
            RequestMethod::Delete => awc::http::Method::DELETE,
        };
        let mut outgoing = OutgoingRequest::new(method, self.kind);
        if let RequestMethod::Post { content_type, body } = self.method {
            outgoing.content_type(content_type);
            outgoing.body = Some(body);
        }
        for (name, value) in &self.headers {
            let pair = HeaderName::try_from(name.as_str())
                .ok()
                .zip(HeaderValue::try_from(value.as_str()).ok());
            outgoing.headers.push(pair.ok_or_else(|| unsendable(name))?);
        }
        Ok(RequestSpec {
            url: self.url,
            outgoing,
            class: self.class,
            auth: self.auth,
        })
    }
}

/// Refuses a list of which nothing could tell whether it is whole: only of a page its last tag does.
fn require_end(opened: &OpenedRequest) -> Result<(), SessionError> {
    let incoming = &opened.incoming;
    match incoming.coding() {
        ContentCoding::Identity if !incoming.ends_with_connection() || is_page(opened) => Ok(()),
        ContentCoding::Gzip | ContentCoding::Deflate => Ok(()),
        ContentCoding::Identity => Err(incoming.no_length()),
        ContentCoding::Unknown => {
            let coding = incoming.header(CONTENT_ENCODING).unwrap_or_default();
            Err(SessionError::Protocol(format!(
                "its content coding is {coding:?}, which was not asked for"
            )))
        }
    }
}

fn is_page(opened: &OpenedRequest) -> bool {
    let content_type = opened.incoming.header(CONTENT_TYPE).unwrap_or_default();
    content_type.trim_start().to_ascii_lowercase().starts_with("text/html")
}
