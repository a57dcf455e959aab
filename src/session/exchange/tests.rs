use std::net::TcpListener;

use super::*;
use crate::session::tests::support::{Server, answer, config};

#[actix_rt::test]
async fn an_address_that_takes_connections_and_answers_nothing_goes_behind_the_others() {
    let server = Server::start(|_, wire| answer(wire, "200 OK", "", "here"));
    let port = server.address.port();
    let deaf = TcpListener::bind(("127.0.0.2", port)).unwrap();
    std::thread::spawn(move || deaf.incoming().take(1).for_each(drop));
    let (config, counters) = (config(&server), Arc::default());
    let net = SessionNet::new(&config, &counters).unwrap();
    net.know("two.test", &[([127, 0, 0, 2], port).into(), server.address]);
    let url = Url::parse(&format!("http://two.test:{port}/")).unwrap();
    let outgoing = OutgoingRequest::new(Method::GET, RequestKind::TextList);
    let deadlines = RequestDeadlines::small(config.timeouts_of(crate::session::PermitClass::Lists));
    let first = exchange(&net, &counters, &url, &outgoing, &deadlines).await;
    assert_eq!(first.err().map(|failed| failed.error), Some(SessionError::Reset));
    let second = exchange(&net, &counters, &url, &outgoing, &deadlines).await;
    assert_eq!(second.ok().map(|answer| answer.status()), Some(200));
}
