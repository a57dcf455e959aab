-- Catalog, version 8. Of which stored books the operator's hook (`hooks.on_stored`) is still to be told.

-- When it is to be told next, or until when somebody tells it; NULL: there is nothing to tell.
ALTER TABLE books ADD COLUMN hook_due_at TEXT;
ALTER TABLE books ADD COLUMN hook_attempts INTEGER NOT NULL DEFAULT 0;
-- What it came to the last time, if it failed.
ALTER TABLE books ADD COLUMN hook_error TEXT;
ALTER TABLE books ADD COLUMN hook_told_at TEXT;
CREATE INDEX books_hook ON books (hook_due_at, id) WHERE hook_due_at IS NOT NULL;
