//! Pagers in every form that a page can have one: what leads on is followed or leaves the end in doubt, wherever it stands.

use crate::grin::list_page::tests::*;

const LIST: &str = "https://books.google.com/libraries/TESTLIB/_all_books";

/// A page of two rows, asked for with this query, with `inside` in its table after the rows and `after` the table.
pub(super) fn read(query: &str, inside: &str, after: &str) -> ListPage {
    let library = LibraryDirectory::parse("TESTLIB").unwrap();
    let url = Url::parse(&format!("{LIST}{query}")).unwrap();
    let html = format!(
        "<html><head></head><body><table><thead><tr class=heading><td>Barcode</td><td>Title</td></tr></thead>\
         <tbody><tr><td>TL0001</td><td>A</td></tr><tr><td>TL0002</td><td>B</td></tr>{inside}</table>{after}</body></html>"
    );
    let (rows, page) = parse_list_page(html.as_bytes(), &library, &url);
    let barcodes: Vec<_> = rows.iter().map(|row| row.barcode.as_str()).collect();
    assert_eq!(barcodes, ["TL0001", "TL0002"], "{inside} {after}");
    assert!(page.rejected.is_empty(), "{inside}: {page:?}");
    page
}

const TO_THREE: &[&str] = &[
    "<p><a href='?first=3'>&gt;&gt;</a></p>",
    "<a href='?first=3'>More</a>",
    "<a href='?first=3'>Next set</a>",
    "<a href='?first=3'><img src=arrow.png></a>",
    "<a href='?first=3'><img src=arrow.png alt=next></a>",
    "<a href='?first=1'>1</a> <a href='?first=3'>2</a> <a href='?first=5'>3</a>",
    "<map><area href='_all_books?first=3' alt='more'></map>",
    "<link rel='next' href='?first=3'>",
    "<form action='/libraries/TESTLIB/_all_books'><input type=hidden name=first value=3><button>Go</button></form>",
    "<form action='_all_books' method=GET><input type=hidden name=result_count value=2>\
     <button name=first value=1>1</button><button name=first value=3>2</button></form>",
    "<form action='_all_books'><input type=hidden name=first value=3><input type=image src=a.png></form>",
    "<button onclick=\"location.href='_all_books?first=3'\">More</button>",
    "<div data-href='/libraries/TESTLIB/_all_books?result_count=2&amp;first=3'>More</div>",
    "<span data-next-url='?first=3'></span>",
    "<select><option value='?first=1'>1<option value='?first=3'>2</select>",
    "<button formaction='?first=3'>x</button>",
    "<a href='#' onclick='go(&quot;?first=3&quot;)'>Next</a>",
    "<a href=\"javascript:go('?first=3')\">Next</a>",
    "<a href=\"javascript:go('_all_books?result_count=2&amp;first=3')\"><img src=a.png></a>",
    "<a href='?first=3'><button>Next</button></a>",
    "<noscript><a href=\"_all_books?result_count=2&amp;first=3\">Next</a></noscript>",
    "<script>document.write('<a href=\"_all_books?first=3\">Next</a>')</script>",
    "<form action='_all_books'><select name=first><option selected>1</option><option>3</option></select></form>",
    "<form action='_all_books'><input type=radio name=first value=1 checked>1<input type=radio name=first value=3>2</form>",
    "<select name=first onchange=go()><option>1<option>3</select>",
    "<form action='_all_books'><select name=first><option value=1>1<option value=3>2</select><input type=submit value=Go></form>",
    "<select name=first onchange=go()><option value=1>1</option><option value=3>2</option></select>",
    "<a href='?%66irst=3'>More</a>",
    "<a href='?first%3D3&amp;first=3'>More</a>",
    "<script>var next = \"\\/libraries\\/TESTLIB\\/_all_books?result_count=2\\u0026first=3\";</script>",
    "<script>var next = '_all_books?first\\x3d3';</script>",
];

#[test]
fn a_way_on_is_found_in_every_form_and_place() {
    for pager in TO_THREE {
        for (inside, after) in [
            (String::new(), (*pager).to_owned()),
            (
                format!("</tbody><tfoot><tr><td>{pager}</td></tr></tfoot>"),
                String::new(),
            ),
            (format!("<tr><td colspan=2>{pager}</td></tr>"), String::new()),
            (format!("<tr><td colspan=2>1-2 of 6 {pager}</td></tr>"), String::new()),
        ] {
            let page = read("?result_count=2", &inside, &after);
            let first = page.next.as_ref().and_then(|next| {
                let mut pairs = next.query_pairs();
                pairs
                    .find(|(name, _)| name == "first")
                    .map(|(_, first)| first.into_owned())
            });
            assert_eq!(first.as_deref(), Some("3"), "{inside}{after}: {page:?}");
            assert!(page.complete, "{inside}{after}");
        }
    }
}

#[test]
fn a_pager_row_with_cells_of_its_own_is_no_book() {
    let page = read(
        "?result_count=2&first=3",
        "<tr><td><a href='?first=1'>Previous</a></td><td><a href='?first=5'>Next</a></td></tr>",
        "",
    );
    assert_eq!(page.next.unwrap().query(), Some("first=5"));
}

#[test]
fn a_way_on_that_is_not_understood_leaves_the_end_in_doubt() {
    for pager in [
        "<a href='?ctoken=abc'>&gt;&gt;</a>",
        "<a href='?ctoken=abc'><img src=arrow.png></a>",
        "<a href='?first=99'>Last</a>",
        "<button onclick=\"go('?ctoken=abc')\">Proceed</button>",
        "<noscript><a href='?ctoken=abc'>Next</a></noscript>",
        "<form action='_process' method=post><input type=hidden name=first value=3><button>Proceed</button></form>",
        "<form action='_all_books' method=post><input type=radio name=first value=1><input type=radio name=first value=3></form>",
        "<form action='_all_books' method=post><input type=hidden name=ctoken value=abc><button>Proceed</button></form>",
        "<form action='_all_books'><input type=hidden name=ctoken value=abc><button>Proceed</button></form>",
        "<a href='#' data-ctoken=abc>Proceed</a>",
        "<a href='#' data-first=3>Proceed</a>",
        "<div data-ctoken=abc></div>",
        "<div data-state='{\"ctoken\": \"abc\"}'></div>",
        "<script>var ctoken = 'abc';</script>",
        "<input type=hidden name=ctoken value=abc>",
        "<script type='application/json'>{\"rows\": 2, \"first\": 3}</script>",
    ] {
        for (inside, after) in [
            (String::new(), pager.to_owned()),
            (
                format!("</tbody><tfoot><tr><td>{pager}</td></tr></tfoot>"),
                String::new(),
            ),
        ] {
            let page = read("?result_count=100", &inside, &after);
            assert!(
                matches!(&page.doubt, Some(EndDoubt::OpenLinks(links)) if links.len() == 1),
                "{inside}{after}: {page:?}"
            );
            assert_eq!(
                (page.next, page.complete, page.refusal),
                (None, false, None),
                "{inside}{after}"
            );
            assert!(page.warnings[0].contains("not understood"), "{:?}", page.warnings);
        }
    }
    let full = read("?result_count=2", "", "<p>Page 1</p>");
    assert_eq!((full.doubt, full.complete), (Some(EndDoubt::FullPage), false));
}

/// GRIN may give fewer rows than were requested on each page, so a page that is not full need not be the last.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn what_says_next_and_tells_no_address_leaves_the_end_in_doubt() {
    for pager in [
        "<button>Next</button>",
        "<button type=button><b>Next</b> &gt;</button>",
        "<a href='javascript:next()'>Next</a>",
        "<a href='#' onclick='return next()'>Next page</a>",
        "<a href=''>&gt;</a>",
        "<a href='#'><img src=arrow.png alt=next></a>",
        "<input type=button value='Next &gt;' onclick='next()'>",
        "<form action='_all_books' method=post><input type=hidden name=first value=3><input type=submit value=Next></form>",
        "<button aria-label=Next></button>",
        "<span onclick='go(3)'>Next</span>",
        "<span class=pager onclick='go(3)'>More</span>",
        "<div role=button aria-label='Next page' tabindex=0></div>",
        "<div class=jfk-button>Next</div>",
        "<a href='javascript:page(2)'>2</a>",
        "<a href='#' data-next-token=abc>Proceed</a>",
        "<a href='#' data-page=3>Proceed</a>",
        "<a href='#' data-action=next-page>Proceed</a>",
        "<a onclick='p(2)'>2</a>",
        "<img alt=Next src=x.gif onclick='go(4)'>",
        "<img src='img/next.gif' onclick='go(4)'>",
        "<input type=image src='next.gif'>",
        "<a href=\"javascript:__doPostBack('ctl00$pager','Page$2')\"><img src=r.gif></a>",
        "<p>Page 1/50</p>",
        "<p>List truncated.</p>",
        "<img src=bar.png alt='1-2 of 5000'>",
        "<p title='2 of 5,000 books'></p>",
        "<input type=text readonly value='1-2 of 5000'>",
        "<a href='#' class='page-link next'><i></i></a>",
        "<a href='#'><img src='img/next.gif'></a>",
        "<a href='#'><img src='img/btn_next_on.png'></a>",
        "<img src=a.png onclick='nextPage()'>",
        "<i class=icon onclick='loadMore()'></i>",
        "<div class='btn btn-next'></div>",
        "<list-pager next-page-token=abc></list-pager>",
        "<div data-state='{&quot;next&quot;:&quot;abc&quot;}'></div>",
        "<div data-has-more=true></div>",
        "<script>var state = {rows: 2, hasMore: true};</script>",
        "<script type='application/json'>{\"list\": {\"nextPageToken\": \"abc\"}}</script>",
        "<script>window.state = {\"next\": {\"token\": \"abc\"}}</script>",
        "<select name=page onchange=go()><option value=1 selected>1</option><option value=2>2</option></select>",
        "<select name=start><option>1<option>101<option>201</select>",
        "<input list=pages onchange=go()><datalist id=pages><option value=1><option value=2></datalist>",
        "<a href='?page=2'>Proceed</a>",
        "<form method=post><button name=first value=99>Proceed</button></form>",
        "<p>Books 1&ndash;2 of 6</p>",
        "<input type=hidden name=nextToken value=abc>",
        "<button>Page 2</button>",
        "<button>&gt;&gt;</button>",
        "<a href='?result_count=100&amp;start=101'><img src=arrow.png></a>",
        "<form action='_all_books'><input type=hidden name=page value=2><button>Proceed</button></form>",
        "<form action='_all_books' method=post><input type=hidden name=page value=2><button>Proceed</button></form>",
        "<a href='?page=2'>More &raquo;</a>",
        "<a href='?result_count=100&amp;page=2'>2</a>",
        "<a href='_all_books/2'>Next</a>",
        "<a href='_all_books/page/2'>2</a>",
        "<a href='?result_count=-1'>Show all 60</a>",
        "<a href='?result_count=20000'>Show more</a>",
        "<form action='_all_books' id=f></form><button form=f name=first value=3>Proceed</button>",
        // Any other address of the list, whatever its parameters and words are.
        "<a href='?result_count=100&amp;pg=2'>Suivant</a>",
        "<a href='?result_count=100&amp;s=101'>Weiter</a>",
        "<a href='?result_count=100&amp;seite=2'>Seite 2</a>",
        "<a href='?result_count=100&amp;x=2'>3 - 4</a>",
        "<a href='?result_count=100&amp;from_row=3'><img src=weiter.gif alt=''></a>",
        "<a href='?letter=B'>B</a>",
        "<a href='http://books.google.com/libraries/TESTLIB/_all_books?pos=3'>Proceed</a>",
        "<a href='/libraries/TESTLIB/_all_books/2'>Weiter</a>",
        "<a href='_all_books;page=2'>Proceed</a>",
        "<iframe src='_all_books?pos=3'></iframe>",
        "<meta http-equiv=refresh content='0;url=_all_books?pos=3'>",
        // Addresses of the list in attributes and scripts.
        "<select onchange='location=this.value'><option value='_all_books?pos=1'>1<option value='_all_books?pos=3'>2</select>",
        "<button data-url='/libraries/TESTLIB/_all_books?pos=3'>Proceed</button>",
        "<script>var u = '\\/libraries\\/TESTLIB\\/_all_books?pos=3';</script>",
        // Words in other languages, where there is no address.
        "<span onclick='document.forms[0].submit()'>Weiter</span>",
        "<a href='javascript:weiter()'>Weiter</a>",
        "<button>次へ</button>",
    ] {
        for (inside, after) in [
            (String::new(), pager.to_owned()),
            (
                format!("</tbody><tfoot><tr><td>{pager}</td></tr></tfoot>"),
                String::new(),
            ),
            (format!("<tr><td colspan=2>{pager}</td></tr>"), String::new()),
        ] {
            let page = read("?result_count=100", &inside, &after);
            let is_told = matches!(&page.doubt, Some(EndDoubt::NextWithoutAddress(_)));
            assert!(
                is_told && page.next.is_none() && !page.complete,
                "{inside}{after}: {:?}",
                page.doubt
            );
            assert!(
                page.warnings.iter().any(|warning| warning.contains("tells no address")),
                "{:?}",
                page.warnings
            );
        }
    }
}

#[test]
fn a_way_on_that_leads_elsewhere_does_not_make_the_page_the_last() {
    for pager in [
        "<a href='next.html'>Next &gt;</a>",
        "<a href='/libraries/TESTLIB/more/2'>Next page</a>",
        "<a href='_all_books%3Ffirst%3D101'>Next</a>",
        "<a href='_all_books%3Ffirst%3D101'>2</a>",
        "<a href='/url?q=https://books.google.com/libraries/TESTLIB/_all_books%3Ffirst%3D101'>2</a>",
        "<a href='/libraries//TESTLIB/_all_books?first=101'>2</a>",
        "<a href='#p2'>Next</a>",
        "<a href='#page=2'>2</a>",
        "<link rel=next href='more.html'>",
    ] {
        let page = read("?result_count=100", "", pager);
        assert_eq!((page.next, page.complete), (None, false), "{pager}");
        let Some(EndDoubt::NextWithoutAddress(shown)) = page.doubt else {
            panic!("{pager}: {:?}", page.doubt)
        };
        assert!(!shown.is_empty(), "{pager}");
    }
}

#[test]
fn what_is_shown_and_does_nothing_is_no_way_on() {
    for pager in [
        "<button disabled>Next</button>",
        "<a href='#' class='pager is-disabled'>Next</a>",
        "<a href='javascript:void(0)' aria-disabled=true>Next</a>",
        "<span>Next</span>",
        "<a href='#top'>&gt;</a>",
        "<button>Search</button>",
        "<a name=x>Next</a>",
        "<span class='pager is-disabled' onclick='go(3)'>Next</span>",
        "<a href='#' class='next disabled' data-next=2></a>",
        "<div data-next='' data-has-more=false data-ctoken=null data-first=1></div>",
        "<script>var state = {first: 1, next: null, hasMore: false}; el.style.cursor = 'pointer';</script>",
        "<style>.next { cursor: pointer }</style>",
        "<select name=page><option value=1>1</option><option value=2 selected>2</option></select>",
        "<select name=result_count><option>50<option>100</select>",
        "<select name=page><option>1<option selected>2</select>",
        "<img src=help.gif alt=Help onclick='help()'> <a onclick='help()'>Help</a>",
        "<input list=titles><datalist id=titles><option value='Lichens'><option value='Mosses'></datalist>",
        "<a href='#' data-page=1>First</a> <a href='?page=1'>First</a> <a href='?sort=date'><img src=sort.png></a>",
        "<span onclick='toggle(this.nextSibling)'>Help</span>",
        "<p>Books 1-2 of 2</p>",
        "<input type=hidden name=ctoken value=''><input type=hidden name=nextToken>",
        "<form action='/signout' method=post><input type=hidden name=next value='/home'></form>",
        "<div class=button>Search</div>",
        "<div class=buttons onclick='x()'><a href='?first=1'>1</a></div>",
        "<a href='?result_count=50'>50</a> <a href='?sort=title'>Title</a> <a href='_converted?page=2'>More</a>",
        "<a href='https://books.example/about?page=2'>More</a>",
        "<a href='/url?q=https://books.google.com/libraries/TESTLIB/_converted%3Ffirst%3D101'>Converted</a> <a href='#notes'>Notes</a>",
        "<a href='/url?q=https://books.google.com/libraries/TESTLIB/_all_books%3Ffirst%3D1'>Previous</a>",
        "<a href='?result_count=100&amp;sort=title&amp;order=asc'>Title</a> <a href='?hl=de'>Deutsch</a>",
        "<a href='?format=text&amp;mode=all'>Text</a> <a href='_all_books'>All books</a> <a href='?pg=1'>1</a>",
        "<a href='?seite=0'>Zurück</a> <a href='/u/1/libraries/TESTLIB/_all_books?result_count=100'>Other account</a>",
        "<p>Total: 2 books</p><p>5000 of 12000 scanned this year</p><p>Errors in conversion</p>",
        "<div class=error></div><p>Report a problem. Partial scans are listed elsewhere.</p>",
        "<p>If you experience an error or a timeout, please contact your partner manager.</p>",
        "<p>Books with <a href='/help/errors.html'>errors</a> are listed elsewhere. <i>More information</i></p>",
    ] {
        let page = read("?result_count=100", "", pager);
        assert_eq!((page.next, page.doubt, page.complete), (None, None, true), "{pager}");
    }
}

/// A pager may stand above the table, in its caption, or both above and below it.
#[test]
fn a_pager_before_the_table_is_as_good_as_one_after_it() {
    let library = LibraryDirectory::parse("TESTLIB").unwrap();
    let url = Url::parse(&format!("{LIST}?result_count=2")).unwrap();
    for (pager, next) in [
        ("<a href='?ctoken=abc'>Next &gt;</a>", Some("ctoken=abc")),
        ("<p><a href='?first=3'>2</a></p>", Some("first=3")),
        ("<a href='?ctoken=abc'>&gt;&gt;</a>", None),
    ] {
        for place in [0, 1, 2] {
            let (before, caption) = if place == 1 { ("", pager) } else { (pager, "") };
            let after = if place == 2 { pager } else { "" };
            let html = format!(
                "<html><body>{before}<table><caption>{caption}</caption>\
                 <tr class=heading><td>Barcode</td><td>Title</td></tr>\
                 <tr><td>TL0001</td><td>A</td></tr><tr><td>TL0002</td><td>B</td></tr></table>{after}</body></html>"
            );
            let (rows, page) = parse_list_page(html.as_bytes(), &library, &url);
            let found = page.next.as_ref().and_then(|next| next.query().map(str::to_owned));
            assert_eq!((rows.len(), found.as_deref()), (2, next), "{html}: {page:?}");
            assert_eq!(page.complete, next.is_some(), "{html}");
        }
    }
}

#[test]
fn what_leads_nowhere_new_is_no_way_on() {
    for pager in [
        "<a href='?result_count=2&amp;first=1'>&lt; Previous</a>",
        "<a href='?first=1'><img src=back.png></a>",
        "<a href='?first=1'>1</a> <a href='?first=3'>2</a>",
        "<form action='_all_books'><input name=first value=3><button>Go to row</button></form>",
        "<form action='_all_books'><input name=first><button>Go to row</button></form><a href='?first=1'>1</a>",
        "<a href='_converted?first=1'>Converted</a> <a href='?first=1'>1</a>",
        "<form action='_process' method=post><input type=hidden name=first value=3></form><a href='?first=1'>1</a>",
        "<script>var state = {first: 3};</script><a href='#' data-first=1>Beginning</a>",
    ] {
        let page = read("?result_count=2&first=3", "", pager);
        assert_eq!((page.next, page.doubt, page.complete), (None, None, true), "{pager}");
    }
}

#[test]
fn links_beyond_what_is_kept_leave_the_end_in_doubt() {
    let links = "<a href='?x=1'>x</a>".repeat(1_001);
    let last = "<a href='?ctoken=x'>More</a>";
    let row = format!("<tr><td colspan=2>{links}{last}</td></tr>");
    let value = format!("<p data-href='{} ?ctoken=x'></p>", "A".repeat(70_000));
    for (inside, after) in [(&row, ""), (&String::new(), value.as_str())] {
        let page = read("?result_count=100", inside, after);
        assert_eq!(page.doubt, Some(EndDoubt::LinksLeftOut), "{:?}", page.warnings);
    }
    // Those of a volume's row are none of the list's.
    let (rows, page) = parse(page(
        "Barcode|Title",
        &format!("<tr><td>TL0001</td><td>{links}</td></tr>"),
    ));
    assert_eq!((rows.len(), page.doubt), (1, None));
}
