-- Catalog, version 1. Times of our own are ISO 8601 in UTC with milliseconds, of fixed width, so that they compare as text.
-- Dates of GRIN have no zone: ISO 8601 without one.

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- One row each time a program opened this catalog for writing; `book_status_history.session_id` points here.
CREATE TABLE sessions (
    id        INTEGER PRIMARY KEY,
    opened_at TEXT NOT NULL,
    program   TEXT NOT NULL,
    version   TEXT NOT NULL
);

CREATE TABLE books (
    id                   INTEGER PRIMARY KEY,
    barcode              TEXT NOT NULL,
    -- the daemon's own
    state                TEXT NOT NULL,
    state_at             TEXT NOT NULL,
    grin_state           TEXT,
    priority             INTEGER NOT NULL DEFAULT 0,
    attempts             INTEGER NOT NULL DEFAULT 0,
    next_attempt_at      TEXT,
    claimed_by           TEXT,
    lease_until          TEXT,
    claim_fence          INTEGER,
    resume_state         TEXT,
    failure_reason       TEXT,
    failure_detail       TEXT,
    -- what GRIN's lists say beyond its columns
    listed_converted     INTEGER NOT NULL DEFAULT 0,
    can_be_requested     INTEGER,
    absent_at            TEXT,
    pushed_out           INTEGER NOT NULL DEFAULT 0,
    vanished_at          TEXT,
    -- conversion
    requested_for        TEXT,
    left_process_at      TEXT,
    conversion_asks      INTEGER NOT NULL DEFAULT 0,
    conversion_failures  INTEGER NOT NULL DEFAULT 0,
    conversion_words     TEXT,
    -- enrichment: 0 = due now, else Unix milliseconds of the last asking
    enrich_key           INTEGER NOT NULL DEFAULT 0,
    enrich_asked_at      TEXT,
    -- what is stored
    judged_converted_date TEXT,
    sha256               TEXT,
    archive_bytes        INTEGER,
    encrypted_bytes      INTEGER,
    page_count           INTEGER,
    text_pages           INTEGER,
    storage_path         TEXT,
    last_etag_check      TEXT,
    encrypted_etag       TEXT,
    is_decrypted         INTEGER NOT NULL DEFAULT 0,
    sync_timestamp       TEXT,
    created_at           TEXT NOT NULL,
    updated_at           TEXT NOT NULL,
    -- GRIN's facts
    file_name            TEXT,
    title                TEXT,
    scanned_date         TEXT,
    converted_date       TEXT,
    downloaded_date      TEXT,
    processed_date       TEXT,
    analyzed_date        TEXT,
    ocr_date             TEXT,
    google_books_link    TEXT,
    processing_request_timestamp TEXT,
    convert_failed_date  TEXT,
    convert_failed_info  TEXT,
    detailed_convert_failed_info TEXT,
    raw_values           TEXT,
    enrichment_timestamp TEXT,
    grin_viewability     TEXT,
    grin_opted_out       TEXT,
    grin_conditions      TEXT,
    grin_scannable       TEXT,
    grin_tagging         TEXT,
    grin_audit           TEXT,
    grin_material_error_percent TEXT,
    grin_overall_error_percent  TEXT,
    grin_claimed         TEXT,
    grin_ocr_analysis_score TEXT,
    grin_ocr_gtd_score   TEXT,
    grin_digitization_method TEXT,
    grin_check_in_date   TEXT,
    grin_source_library_bibkey TEXT,
    grin_rubbish         TEXT,
    grin_allow_download_updated_date TEXT,
    grin_viewability_updated_date    TEXT,
    -- the catalogue record; repeating fields are JSON lists
    marc_control_number  TEXT,
    marc_date_type       TEXT,
    marc_date_1          TEXT,
    marc_date_2          TEXT,
    marc_language        TEXT,
    marc_lccn            TEXT,
    marc_lc_call_number  TEXT,
    marc_isbn            TEXT,
    marc_oclc_numbers    TEXT,
    marc_title           TEXT,
    marc_title_remainder TEXT,
    marc_author_personal TEXT,
    marc_author_corporate TEXT,
    marc_author_meeting  TEXT,
    marc_subjects        TEXT,
    marc_genres          TEXT,
    marc_general_note    TEXT,
    marc_extraction_timestamp TEXT
);

CREATE UNIQUE INDEX books_barcode ON books (barcode);
-- What CHECK and DOWNLOAD may take next: oldest conversion first, since the pool drops those; unknown dates last.
CREATE INDEX books_available ON books (priority DESC, ifnull(converted_date, '9'), barcode) WHERE state = 'available';
CREATE INDEX books_newer ON books (priority DESC, ifnull(converted_date, '9'), barcode)
    WHERE state = 'stored' AND listed_converted = 1 AND converted_date > judged_converted_date;
CREATE INDEX books_failed ON books (priority DESC, id) WHERE state = 'failed';
CREATE INDEX books_stored ON books (last_etag_check) WHERE state = 'stored';
-- What the planner of conversions may ask for, a queue each.
CREATE INDEX books_unconverted ON books (priority DESC, id) WHERE state = 'known' AND grin_state IN ('NEW', 'AVAILABLE');
CREATE INDEX books_previous ON books (priority DESC, id) WHERE state = 'known' AND grin_state = 'PREVIOUSLY_DOWNLOADED';
CREATE INDEX books_requestable ON books (priority DESC, id)
    WHERE state = 'known' AND can_be_requested = 1
      AND ifnull(grin_state, '') NOT IN ('NEW', 'AVAILABLE', 'PREVIOUSLY_DOWNLOADED');
CREATE INDEX books_pushed_out ON books (priority DESC, id) WHERE state = 'known' AND pushed_out > 0;
CREATE INDEX books_conversion_failed ON books (priority DESC, id) WHERE state = 'conversion_failed';
CREATE INDEX books_outdated ON books (priority DESC, id)
    WHERE state = 'stored'
      AND max(ifnull(processed_date, ''), ifnull(analyzed_date, ''), ifnull(ocr_date, '')) > converted_date;
CREATE INDEX books_waiting ON books (id) WHERE state IN ('requested', 'in_process');
CREATE INDEX books_leased ON books (lease_until) WHERE claimed_by IS NOT NULL;
CREATE INDEX books_due ON books (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX books_enrich ON books (enrich_key);

-- Every change of state with its cause; never changed, never deleted.
CREATE TABLE book_status_history (
    id           INTEGER PRIMARY KEY,
    barcode      TEXT NOT NULL,
    status_type  TEXT NOT NULL,
    status_value TEXT NOT NULL,
    timestamp    TEXT NOT NULL,
    session_id   INTEGER,
    metadata     TEXT
);
CREATE INDEX history_barcode ON book_status_history (barcode);
CREATE TRIGGER history_stands BEFORE UPDATE ON book_status_history
    BEGIN SELECT raise(ABORT, 'book_status_history is append-only'); END;
CREATE TRIGGER history_stays BEFORE DELETE ON book_status_history
    BEGIN SELECT raise(ABORT, 'book_status_history is append-only'); END;

CREATE TABLE list_passes (
    id          INTEGER PRIMARY KEY,
    list        TEXT NOT NULL,
    started_at  TEXT NOT NULL,
    ended_at    TEXT,
    complete    INTEGER NOT NULL DEFAULT 0,
    pages       INTEGER NOT NULL DEFAULT 0,
    rows        INTEGER NOT NULL DEFAULT 0,
    new_books   INTEGER NOT NULL DEFAULT 0,
    changed     INTEGER NOT NULL DEFAULT 0,
    vanished    INTEGER NOT NULL DEFAULT 0,
    next_url    TEXT,
    note        TEXT
);
CREATE INDEX list_passes_list ON list_passes (list, id);

-- When a book was last seen in a list and in which pass: narrow, so that a repeated pass does not rewrite the wide rows.
-- `list` numbers the lists as `catalog::lists` does; `observed` is Unix milliseconds.
CREATE TABLE sightings (
    list     INTEGER NOT NULL,
    book     INTEGER NOT NULL,
    pass     INTEGER NOT NULL,
    observed INTEGER NOT NULL,
    PRIMARY KEY (list, book)
) WITHOUT ROWID;

-- Running totals, so that no count ever scans the books.
CREATE TABLE tallies (
    kind  TEXT NOT NULL,
    value TEXT NOT NULL,
    n     INTEGER NOT NULL,
    PRIMARY KEY (kind, value)
) WITHOUT ROWID;
