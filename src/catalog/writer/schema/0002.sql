-- Catalog, version 2. What makes a stored book worth another look: also when no date was judged yet (adopted from elsewhere, or
-- fetched before a list gave its date), and never by a date that could not be read. `catalog::dates` has the same words.

DROP INDEX books_newer;
CREATE INDEX books_newer ON books (priority DESC, ifnull(converted_date, '9'), barcode)
    WHERE state = 'stored' AND listed_converted = 1
      AND ((judged_converted_date IS NULL AND last_etag_check IS NULL)
        OR (converted_date GLOB '????-??-??T??:??:??' AND converted_date > ifnull(judged_converted_date, '')));

DROP INDEX books_outdated;
CREATE INDEX books_outdated ON books (priority DESC, id)
    WHERE state = 'stored'
      AND converted_date GLOB '????-??-??T??:??:??'
      AND ((listed_converted = 0 AND converted_date > judged_converted_date)
        OR (processed_date GLOB '????-??-??T??:??:??' AND processed_date > converted_date)
        OR (analyzed_date GLOB '????-??-??T??:??:??' AND analyzed_date > converted_date)
        OR (ocr_date GLOB '????-??-??T??:??:??' AND ocr_date > converted_date));

-- Version 1 kept dates here that could not be read, and nothing is later than such a text.
UPDATE books SET judged_converted_date = NULL WHERE judged_converted_date NOT GLOB '????-??-??T??:??:??';

-- What is home and can be compared with GRIN's, the longest not compared first.
CREATE INDEX books_compare ON books (last_etag_check) WHERE state = 'stored' AND listed_converted = 1;

-- Rows of a pass of which it is not known which books they are about: with any, nothing is concluded from what it did not name.
ALTER TABLE list_passes ADD COLUMN unsure INTEGER NOT NULL DEFAULT 0;

-- Stored books of which a newer archive was asked for: they fill GRIN's queue like all others.
CREATE INDEX books_asked_again ON books (next_attempt_at) WHERE state = 'stored' AND requested_for IS NOT NULL;
