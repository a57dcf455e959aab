-- Catalog, version 3. How well a stored book is proven, claims that no wall clock can end, publications that may be interrupted,
-- and failed books that are tried again.

-- 1: every page was compared with a listed digest. 0: nothing could be compared. NULL: stored before this was noted.
ALTER TABLE books ADD COLUMN verified INTEGER;
-- Code and level of the worst finding of the archive's pass.
ALTER TABLE books ADD COLUMN worst_finding TEXT;
ALTER TABLE books ADD COLUMN worst_finding_level TEXT;
CREATE INDEX books_unverified ON books (id, verified, sync_timestamp) WHERE sync_timestamp IS NOT NULL AND verified IS NOT 1;

-- A claim is live from `lease_from` until before `lease_to`, in milliseconds since the machine started. `lease_until` says the same by
-- the wall clock, for people. After a restart of the machine the time since then is less than `lease_from`, so that the claim is over.
ALTER TABLE books ADD COLUMN lease_from INTEGER;
ALTER TABLE books ADD COLUMN lease_to INTEGER;

-- The archive whose objects are being published. It stays when the program is killed in between, until store and catalog were compared.
ALTER TABLE books ADD COLUMN publishing_sha256 TEXT;
ALTER TABLE books ADD COLUMN publishing_etag TEXT;
CREATE INDEX books_publishing ON books (id) WHERE publishing_sha256 IS NOT NULL;

-- How often the book was given up since it was last stored or reset; the wait before the next attempt grows with it.
ALTER TABLE books ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
CREATE INDEX books_failed_due ON books (next_attempt_at) WHERE state = 'failed' AND next_attempt_at IS NOT NULL;
-- Version 2 never tried a failed book again by itself.
UPDATE books SET failures = 1, next_attempt_at = state_at
    WHERE state = 'failed' AND ifnull(failure_reason, '') <> 'damaged_at_source';

-- A pass that was complete and named so little that nothing was concluded from it.
ALTER TABLE list_passes ADD COLUMN doubtful INTEGER NOT NULL DEFAULT 0;
