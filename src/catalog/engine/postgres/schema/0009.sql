-- Catalog on PostgreSQL, the step to version 9; what it is for stands in the step for SQLite.

CREATE INDEX books_pending ON books (state_at) WHERE state = 'available';
