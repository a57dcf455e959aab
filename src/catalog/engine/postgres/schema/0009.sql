-- Catalog on PostgreSQL, the step to version 9; what each part is for stands in the step for SQLite.

CREATE INDEX books_pending ON books (state_at) WHERE state = 'available';

CREATE TABLE second_copies (
    book          BIGINT PRIMARY KEY,
    due_at        TEXT COLLATE "C",
    attempts      BIGINT NOT NULL DEFAULT 0,
    error         TEXT COLLATE "C",
    copied_at     TEXT COLLATE "C",
    copied_of     TEXT COLLATE "C",
    copied_sha256 TEXT COLLATE "C",
    copied_path   TEXT COLLATE "C"
);
CREATE INDEX second_copies_due ON second_copies (due_at, book) WHERE due_at IS NOT NULL;
CREATE INDEX second_copies_failed ON second_copies (book) WHERE error IS NOT NULL;
