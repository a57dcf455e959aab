-- Catalog on PostgreSQL, the step to version 5; what each index is for stands in the step for SQLite.

CREATE INDEX books_put_off ON books (next_attempt_at) WHERE state = 'available' AND next_attempt_at IS NOT NULL;
