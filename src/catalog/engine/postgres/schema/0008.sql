-- Catalog on PostgreSQL, the step to version 8; what each column is for stands in the step for SQLite.

ALTER TABLE books ADD COLUMN hook_due_at TEXT COLLATE "C";
ALTER TABLE books ADD COLUMN hook_attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE books ADD COLUMN hook_error TEXT COLLATE "C";
ALTER TABLE books ADD COLUMN hook_told_at TEXT COLLATE "C";
CREATE INDEX books_hook ON books (hook_due_at, id) WHERE hook_due_at IS NOT NULL;
