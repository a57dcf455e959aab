-- Catalog on PostgreSQL, the step to version 4; what each table and column is for stands in the step for SQLite.

CREATE TABLE members (
    instance    TEXT COLLATE "C" PRIMARY KEY,
    owner       TEXT COLLATE "C" NOT NULL UNIQUE,
    host        TEXT COLLATE "C" NOT NULL,
    version     TEXT COLLATE "C" NOT NULL,
    program     TEXT COLLATE "C" NOT NULL,
    joined_at   TEXT COLLATE "C" NOT NULL,
    seen_at     TEXT COLLATE "C" NOT NULL,
    renewals    BIGINT NOT NULL DEFAULT 0,
    lease_from  BIGINT NOT NULL,
    lease_to    BIGINT NOT NULL,
    lease_until TEXT COLLATE "C" NOT NULL
);

CREATE TABLE task_leases (
    task        TEXT COLLATE "C" PRIMARY KEY,
    owner       TEXT COLLATE "C" NOT NULL,
    acquired_at TEXT COLLATE "C" NOT NULL,
    fence       BIGINT NOT NULL
);

CREATE TABLE request_rate (
    id           BIGINT PRIMARY KEY CHECK (id = 1),
    free_at      BIGINT NOT NULL,
    closed_until BIGINT NOT NULL,
    lease_from   BIGINT NOT NULL
);
INSERT INTO request_rate (id, free_at, closed_until, lease_from) VALUES (1, 0, 0, 0);

UPDATE books SET lease_from = 0, lease_to = 0 WHERE claimed_by IS NOT NULL;
