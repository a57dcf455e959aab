-- Catalog, version 9. Which book has been ready at GRIN for the longest time without being taken.

CREATE INDEX books_pending ON books (state_at) WHERE state = 'available';

-- Which stored books have a second copy (`[storage.copy]`), and which are still to be copied.

CREATE TABLE second_copies (
    book          INTEGER PRIMARY KEY,
    -- When the book is to be copied next; NULL: what is stored of it is copied.
    due_at        TEXT,
    -- Attempts in a row that failed because of the book itself.
    attempts      INTEGER NOT NULL DEFAULT 0,
    -- What the last of them came to.
    error         TEXT,
    -- What was copied last, and when: the `sync_timestamp` that the book had, the SHA-256 of its archive, and its name.
    copied_at     TEXT,
    copied_of     TEXT,
    copied_sha256 TEXT,
    copied_path   TEXT
);
CREATE INDEX second_copies_due ON second_copies (due_at, book) WHERE due_at IS NOT NULL;
CREATE INDEX second_copies_failed ON second_copies (book) WHERE error IS NOT NULL;
