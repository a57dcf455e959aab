-- Catalog, version 5. Books that are ready at GRIN and put off, which the forecast counts: among all that are due at some time, most are
-- others.
CREATE INDEX books_put_off ON books (next_attempt_at) WHERE state = 'available' AND next_attempt_at IS NOT NULL;
