-- Catalog on PostgreSQL, the step to version 7; what each column is for stands in the step for SQLite.

ALTER TABLE books ADD COLUMN hathitrust_id TEXT COLLATE "C";
ALTER TABLE books ADD COLUMN rights_code TEXT COLLATE "C";
ALTER TABLE books ADD COLUMN rights_access TEXT COLLATE "C";
ALTER TABLE books ADD COLUMN rights_reason TEXT COLLATE "C";
ALTER TABLE books ADD COLUMN rights_timestamp TEXT COLLATE "C";
ALTER TABLE books ADD COLUMN rights_date_used TEXT COLLATE "C";
ALTER TABLE books ADD COLUMN rights_recorded_at TEXT COLLATE "C";
