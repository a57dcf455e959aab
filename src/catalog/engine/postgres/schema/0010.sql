-- Catalog on PostgreSQL, the step to version 10; what each part is for stands in the step for SQLite.

CREATE INDEX books_last_failed ON books (state_at DESC, id DESC) WHERE state = 'failed';

INSERT INTO tally_parts (part, kind, value, n)
    SELECT 0, 'second_copy', CASE WHEN due_at IS NULL THEN 'copied' WHEN error IS NULL THEN 'waiting' ELSE 'failed' END, count(*)
    FROM second_copies GROUP BY 3;
