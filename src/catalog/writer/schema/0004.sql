-- Catalog, version 4. Several programs share one catalog: who they are, which tasks they hold, and the rate that GRIN allows them.

-- The programs that have joined. A row stands until its program leaves, or until another removes it after its lease ran out: then the
-- claims and tasks of its owner end with it. `lease_from` and `lease_to` as those of books; `lease_until` says it for people.
CREATE TABLE members (
    instance    TEXT PRIMARY KEY,
    owner       TEXT NOT NULL UNIQUE,
    host        TEXT NOT NULL,
    version     TEXT NOT NULL,
    program     TEXT NOT NULL,
    joined_at   TEXT NOT NULL,
    seen_at     TEXT NOT NULL,
    renewals    INTEGER NOT NULL DEFAULT 0,
    lease_from  INTEGER NOT NULL,
    lease_to    INTEGER NOT NULL,
    lease_until TEXT NOT NULL
) WITHOUT ROWID;

-- What one member at a time does. A row counts as long as its owner is a member.
CREATE TABLE task_leases (
    task        TEXT PRIMARY KEY,
    owner       TEXT NOT NULL,
    acquired_at TEXT NOT NULL,
    fence       INTEGER NOT NULL
) WITHOUT ROWID;

-- One row: up to when all turns to ask GRIN are given away, and until when GRIN wants no requests; in milliseconds of the clock of leases.
CREATE TABLE request_rate (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    free_at      INTEGER NOT NULL,
    closed_until INTEGER NOT NULL,
    lease_from   INTEGER NOT NULL
);
INSERT INTO request_rate (id, free_at, closed_until, lease_from) VALUES (1, 0, 0, 0);

-- Whoever claimed by version 3 is no member and cannot become one.
UPDATE books SET lease_from = 0, lease_to = 0 WHERE claimed_by IS NOT NULL;
