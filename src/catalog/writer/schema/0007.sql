-- Catalog, version 7. What HathiTrust says of the rights in a volume (`grind rights import`). NULL: not known.

-- Its identifier there; set wherever anything is known.
ALTER TABLE books ADD COLUMN hathitrust_id TEXT;
ALTER TABLE books ADD COLUMN rights_code TEXT;
ALTER TABLE books ADD COLUMN rights_access TEXT;
ALTER TABLE books ADD COLUMN rights_reason TEXT;
-- When the rights were determined, without zone, as HathiTrust writes it; and the year that this was based on.
ALTER TABLE books ADD COLUMN rights_timestamp TEXT;
ALTER TABLE books ADD COLUMN rights_date_used TEXT;
-- When this was recorded.
ALTER TABLE books ADD COLUMN rights_recorded_at TEXT;
