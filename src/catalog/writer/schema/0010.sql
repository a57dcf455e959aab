-- Catalog, version 10. The last books that failed, for the status: read from its beginning, however many failed.

CREATE INDEX books_last_failed ON books (state_at DESC, id DESC) WHERE state = 'failed';

-- Second copies are counted by running totals; those are counted that are recorded already.

INSERT INTO tallies (kind, value, n)
    SELECT 'second_copy', CASE WHEN due_at IS NULL THEN 'copied' WHEN error IS NULL THEN 'waiting' ELSE 'failed' END, count(*)
    FROM second_copies GROUP BY 2;
