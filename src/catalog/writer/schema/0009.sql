-- Catalog, version 9. Which book has been ready at GRIN for the longest time without being taken.

CREATE INDEX books_pending ON books (state_at) WHERE state = 'available';
