-- Catalog, version 6. When each stored book was last read again and compared with what was recorded of it, and the evidence of each time.

-- The last check that told something: `ok`, `damaged` or `missing`. NULL: what is stored was never read again.
ALTER TABLE books ADD COLUMN checked_at TEXT;
ALTER TABLE books ADD COLUMN check_outcome TEXT;
-- What was not looked at for the longest time comes first; a book that was never read again was last known to be good when it was stored.
CREATE INDEX books_check ON books (ifnull(checked_at, sync_timestamp), id)
    WHERE sync_timestamp IS NOT NULL AND storage_path IS NOT NULL;
CREATE INDEX books_unsound ON books (id) WHERE check_outcome IN ('damaged', 'missing');

-- Every check, also one that told nothing; never changed, never deleted. `sha256` and `bytes` are those of the archive as it was read,
-- `findings` names in JSON each object that is not as it should be.
CREATE TABLE fixity_checks (
    id         INTEGER PRIMARY KEY,
    barcode    TEXT NOT NULL,
    checked_at TEXT NOT NULL,
    level      TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    sha256     TEXT,
    bytes      INTEGER NOT NULL,
    findings   TEXT,
    session_id INTEGER
);
CREATE INDEX fixity_barcode ON fixity_checks (barcode, id);
CREATE TRIGGER fixity_stands BEFORE UPDATE ON fixity_checks
    BEGIN SELECT raise(ABORT, 'fixity_checks is append-only'); END;
CREATE TRIGGER fixity_stays BEFORE DELETE ON fixity_checks
    BEGIN SELECT raise(ABORT, 'fixity_checks is append-only'); END;
