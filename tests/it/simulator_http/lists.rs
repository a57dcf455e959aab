//! Lists, searches, requests and reports as a client meets them over HTTP.

use std::collections::BTreeSet;
use std::time::Duration;

use super::support::{ask, client, get, start};
use awc::http::{Method, StatusCode};
use grind::lab::simulator::{
    ConversionConfig, FaultKind, ListConfig, NextLinkForm, PagingForm, RunningSimulator, SimulatedState,
    SimulatorConfig, SimulatorRequest, StateMix,
};

fn library(books: u32) -> SimulatorConfig {
    SimulatorConfig {
        books,
        ..SimulatorConfig::default()
    }
}

fn address(running: &RunningSimulator, rest: &str) -> String {
    format!("{}TESTLIB/{rest}", running.base_url())
}

/// The texts of the cells in column `place` of every data row.
fn column(page: &str, place: usize) -> Vec<String> {
    let rows = page.split("<tr>").skip(1).filter(|row| !row.contains("id=\"Main\""));
    let cell = |row: &str| {
        row.split("<td>")
            .nth(place + 1)
            .map(|cell| cell.split('<').next().unwrap().trim().to_owned())
    };
    rows.filter_map(cell).collect()
}

/// The address of the next page, as a browser resolves it.
fn next(page: &str, url: &str) -> Option<String> {
    let before = page
        .split("\">Next &gt;</a>")
        .next()
        .filter(|before| before.len() < page.len())?;
    let link = before.rsplit("<a href=\"").next()?.replace("&amp;", "&");
    Some(url::Url::parse(url).unwrap().join(&link).unwrap().into())
}

async fn walk(running: &RunningSimulator, first: &str, place: usize) -> Vec<String> {
    let mut url = address(running, first);
    let mut all = Vec::new();
    for _ in 0..100 {
        let page = get(&url).await;
        assert_eq!(page.status, StatusCode::OK);
        let text = page.text();
        all.extend(column(&text, place));
        match next(&text, &url) {
            Some(following) => url = following,
            None => return all,
        }
    }
    panic!("the list does not end");
}

#[actix_rt::test]
async fn every_book_is_listed_once_whatever_the_paging_and_the_links() {
    for paging in [PagingForm::First, PagingForm::Ctoken] {
        for links in [
            NextLinkForm::SiteRelative,
            NextLinkForm::PageRelative,
            NextLinkForm::QueryOnly,
            NextLinkForm::Absolute,
        ] {
            let lists = ListConfig {
                paging,
                links,
                ..ListConfig::default()
            };
            let running = start(SimulatorConfig { lists, ..library(95) });
            let listed = walk(&running, "_all_books?result_count=20", 1).await;
            let held: Vec<String> = running.barcodes().map(|barcode| barcode.to_string()).collect();
            assert_eq!(listed, held, "{paging:?} {links:?}");
        }
    }
}

#[actix_rt::test]
async fn filtered_lists_page_through_their_own_rows() {
    for paging in [PagingForm::First, PagingForm::Ctoken] {
        let lists = ListConfig {
            paging,
            ..ListConfig::default()
        };
        let running = start(SimulatorConfig {
            lists,
            mix: StateMix::HARVARD,
            ..library(3_000)
        });
        let listed = walk(&running, "_in_process?result_count=7", 1).await;
        let in_process: BTreeSet<String> = running
            .barcodes()
            .filter(|barcode| running.state(barcode) == Some(SimulatedState::InProcess))
            .map(|barcode| barcode.to_string())
            .collect();
        assert!(listed.len() > 20);
        assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), in_process);
        assert_eq!(listed.len(), in_process.len(), "none twice");
    }
}

#[actix_rt::test]
async fn the_page_looks_like_grins() {
    let running = start(library(3));
    let page = get(&address(&running, "_all_books?result_count=2")).await.text();
    for part in [
        "<form action=\"_process\" method=\"post\">",
        "<table><thead><tr class=\"heading\"><td></td><td><span class=\"hd3\">Barcode</span></td>",
        "<td><span class=\"hd3\">OCR'd Date</span></td>",
        "<a href=\"https://books.google.com/books?id=",
        "<a href=\"/libraries/TESTLIB/_all_books?result_count=2&amp;first=3\">Next &gt;</a>",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[actix_rt::test]
async fn variants_of_the_page_are_as_ordered() {
    let lists = ListConfig {
        layout_table: true,
        unclosed_cells: true,
        empty_last_page: true,
        extra_column: true,
        title_markup: true,
        busy_pager: true,
        ..ListConfig::default()
    };
    let running = start(SimulatorConfig { lists, ..library(20) });
    let url = address(&running, "_all_books?result_count=20");
    let page = get(&url).await.text();
    assert!(page.contains("id=\"Main\"") && page.contains("Last &gt;&gt;") && page.contains("Shelfmark"));
    assert!(!page.split("<tbody>").nth(1).unwrap().contains("</tr>\n<tr>"));
    let empty = get(&next(&page, &url).unwrap()).await.text();
    assert!(empty.contains("class=\"heading\"") && !empty.contains("39015") && next(&empty, &url).is_none());
}

#[actix_rt::test]
async fn a_stale_mark_is_refused_with_a_page() {
    let lists = ListConfig {
        paging: PagingForm::Ctoken,
        ctoken_lifetime: Some(Duration::ZERO),
        ..ListConfig::default()
    };
    let running = start(SimulatorConfig { lists, ..library(20) });
    let url = address(&running, "_all_books?result_count=5");
    let link = next(&get(&url).await.text(), &url).unwrap();
    let refused = get(&link).await;
    assert_eq!(refused.status, StatusCode::OK);
    assert!(refused.text().contains("Your request is unavailable"));
}

#[actix_rt::test]
async fn text_lists_are_lines_and_columns() {
    let running = start(library(12));
    let short = get(&address(&running, "_all_books?format=text")).await.text();
    let held: Vec<String> = running.barcodes().map(|barcode| barcode.to_string()).collect();
    assert_eq!(short.lines().collect::<Vec<_>>(), held);
    let converted = get(&address(&running, "_converted?format=text&mode=all&result_count=3"))
        .await
        .text();
    assert_eq!(converted.lines().count(), 3);
    for line in converted.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        assert!(cells.len() == 5 && cells[0].ends_with(".tar.gz.gpg"), "{line}");
    }
    let all = get(&address(&running, "_all_books?format=text&mode=all")).await.text();
    assert!(all.lines().all(|line| line.split('\t').count() == 7));
}

#[actix_rt::test]
async fn a_search_answers_for_the_books_it_knows() {
    let running = start(library(12));
    let [a, b] = [3, 7].map(|index| running.barcode(index).unwrap());
    let url = address(
        &running,
        &format!("_barcode_search?execute_query=true&format=text&mode=full&barcodes={a}%20NOSUCH%20{b}"),
    );
    let text = get(&url).await.text();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0][..3], ["Barcode", "Check-In Date", "State"]);
    assert!(rows.iter().all(|row| row.len() == 25));
    let found: BTreeSet<&str> = rows[1..].iter().map(|row| row[0]).collect();
    assert_eq!(found, BTreeSet::from([a.as_str(), b.as_str()]));
    let long = address(&running, &format!("_barcode_search?barcodes={}", "A%20".repeat(4_000)));
    assert_eq!(get(&long).await.status, StatusCode::URI_TOO_LONG);
}

#[actix_rt::test]
async fn process_takes_every_form_and_conversion_follows_the_clock() {
    let conversion = ConversionConfig {
        day: None,
        queue_limit: 6,
        ..ConversionConfig::default()
    };
    let running = start(SimulatorConfig {
        mix: StateMix::NEW,
        conversion,
        ..library(12)
    });
    let codes: Vec<String> = running.barcodes().map(|barcode| barcode.to_string()).collect();
    let url = address(&running, "_process");
    let client = client();
    let answers = [
        ask(&client, Method::GET, &format!("{url}?barcodes={}", codes[0]), &[], "").await,
        ask(
            &client,
            Method::GET,
            &format!("{url}?barcodes={},{}", codes[0], codes[1]),
            &[],
            "",
        )
        .await,
        ask(&client, Method::POST, &format!("{url}?barcodes={}", codes[2]), &[], "").await,
        ask(
            &client,
            Method::POST,
            &url,
            &[],
            &format!("{}\n{}\n", codes[3], codes[4]),
        )
        .await,
        ask(
            &client,
            Method::POST,
            &url,
            &[("content-type", "application/x-www-form-urlencoded")],
            &format!("process_format=text&barcodes={}&barcodes=NOSUCH", codes[5]),
        )
        .await,
    ];
    let last = answers[4].text();
    assert_eq!(
        last,
        format!("Barcode\tStatus\n{}\tSuccess\nNOSUCH\tOther error\n", codes[5])
    );
    assert!(
        answers[1]
            .text()
            .contains(&format!("{}\tAlready being converted", codes[0]))
    );
    let full = ask(&client, Method::GET, &format!("{url}?barcodes={}", codes[6]), &[], "").await;
    assert_eq!(full.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(running.in_process(), 6);

    running.pass_minutes(1_440);
    assert_eq!(walk(&running, "_in_process", 1).await, Vec::<String>::new());
    let html = ask(
        &client,
        Method::GET,
        &format!("{url}?barcodes={}&process_format=html", codes[0]),
        &[],
        "",
    )
    .await;
    assert!(html.text().contains(&format!(
        "<pre>Barcode\tStatus\n{}\tAlready available for download\n</pre>",
        codes[0]
    )));
}

#[actix_rt::test]
async fn failed_conversions_are_listed_with_their_reason() {
    let conversion = ConversionConfig {
        day: None,
        failure_rate: 1.0,
        ..ConversionConfig::default()
    };
    let running = start(SimulatorConfig {
        mix: StateMix::NEW,
        conversion,
        ..library(5)
    });
    let code = running.barcode(2).unwrap();
    get(&address(&running, &format!("_process?barcodes={code}"))).await;
    running.pass_minutes(1_440);
    let page = get(&address(&running, "_failed?result_count=-1")).await.text();
    assert_eq!(column(&page, 1), [code.as_str()]);
    assert!(page.contains("Convert Failed Info") && page.contains("Bad metadata"));
    let text = get(&address(&running, "_failed?format=text&mode=all")).await.text();
    assert_eq!(text.trim_end().split('\t').count(), 9, "{text}");
}

#[actix_rt::test]
async fn the_monthly_report_tells_what_was_checked_in() {
    let running = start(library(200));
    let ask =
        "_monthly_report?execute_query=true&format=text&check_in_date_start=2005-01-01&check_in_date_end=2012-01-01";
    let some = get(&address(&running, ask)).await.text();
    let rows: Vec<&str> = some.lines().collect();
    assert!(
        rows[0].starts_with("Barcode\t") && rows.len() > 20 && rows.len() < 200,
        "{}",
        rows.len()
    );
    let within = |row: &&str| ("2005/01/01 00:00".."2012/01/01 00:00").contains(&row.split('\t').nth(1).unwrap());
    assert!(rows[1..].iter().all(within));
    let none = get(&address(&running, "_monthly_report?year=1999&month=12&format=text"))
        .await
        .text();
    assert_eq!(none.lines().count(), 1);
}

#[actix_rt::test]
async fn faults_of_lists_come_as_ordered_and_are_counted() {
    let running = start(library(300));
    let url = address(&running, "_all_books?result_count=300");
    running.inject(SimulatorRequest::ListPage, None, FaultKind::CutList);
    let cut = get(&url).await;
    // awc takes a cut chunked body for a whole one, so only the text tells.
    assert!(cut.text().contains("<tbody>") && !cut.text().contains("</html>"));
    running.inject(SimulatorRequest::ListPage, None, FaultKind::NoHeading);
    assert!(!get(&url).await.text().contains("heading"));
    running.inject(SimulatorRequest::ListPage, None, FaultKind::Unavailable);
    assert!(get(&url).await.text().contains("Your request is unavailable"));
    running.inject(SimulatorRequest::ListPage, None, FaultKind::Status503Wait);
    let wait = get(&url).await;
    assert_eq!(
        (wait.status, wait.header("retry-after")),
        (StatusCode::SERVICE_UNAVAILABLE, Some("1"))
    );
    running.inject(SimulatorRequest::Process, None, FaultKind::UnknownWords);
    let code = running.barcode(0).unwrap();
    let process = address(&running, &format!("_process?barcodes={code}"));
    assert!(get(&process).await.text().contains("Held for review"));
    running.inject(SimulatorRequest::Process, None, FaultKind::NoAnswer);
    assert_eq!(get(&process).await.text(), "Barcode\tStatus\n");
    let stats = running.stop();
    for fault in [
        FaultKind::CutList,
        FaultKind::NoHeading,
        FaultKind::Unavailable,
        FaultKind::Status503Wait,
        FaultKind::UnknownWords,
        FaultKind::NoAnswer,
    ] {
        assert_eq!(stats.fault(fault), 1, "{fault:?}");
    }
    assert_eq!(stats.count(SimulatorRequest::ListPage), 4);
}

#[actix_rt::test]
async fn more_requests_than_the_rate_are_throttled() {
    let running = start(SimulatorConfig {
        requests_per_second: Some(2.0),
        ..library(5)
    });
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(get(&address(&running, "?format=text")).await.status);
    }
    assert_eq!(statuses[0], StatusCode::OK);
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS));
    assert!(running.stop().throttled > 0);
}
