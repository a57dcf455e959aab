"""Reads a library in the layout "grin-transfer" as its published readers do, and compares it with the export of its catalog.

Usage: read.py LIBRARY RUN BOOKS.jsonl
"""

import csv
import gzip
import hashlib
import io
import json
import sys
import tarfile
from datetime import datetime
from pathlib import Path


def in_place(library, place, run, name):
    """An object by its name in the place of its kind; nothing is listed."""
    return (library / place / run / name).read_bytes()


def rows(table):
    """One book a line, each read by itself from where the line begins."""
    lines = io.BytesIO(table)
    columns = next(csv.reader([lines.readline().decode("utf-8").rstrip("\n")]))
    offsets = []
    while line := lines.readline():
        if not line.rstrip(b"\n"):
            break
        offsets.append(lines.tell() - len(line))
    for offset in offsets:
        lines.seek(offset)
        line = lines.readline().decode("utf-8").rstrip("\n")
        yield next(csv.DictReader([line], columns))


def has_archive(row):
    try:
        return isinstance(datetime.fromisoformat(row["Sync Timestamp"]), datetime)
    except ValueError:
        return False


def main():
    library, run = Path(sys.argv[1]), sys.argv[2]
    with open(sys.argv[3], encoding="utf-8") as lines:
        stored = {book["barcode"]: book for book in map(json.loads, lines) if book["state"] == "stored"}
    table = gzip.decompress(in_place(library, "meta", run, "books_latest.csv.gz"))
    found = {row["Barcode"] for row in rows(table) if has_archive(row)}
    assert found == set(stored) and found, (found, set(stored))
    for barcode in found:
        archive = in_place(library, "raw", run, f"{barcode}.tar.gz")
        assert hashlib.sha256(archive).hexdigest() == stored[barcode]["sha256"], barcode
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as members:
            images = [member.name for member in members if member.name.endswith((".jp2", ".tif"))]
        text = gzip.decompress(in_place(library, "full", run, f"{barcode}_ocr.jsonl.gz")).decode("utf-8")
        pages = [json.loads(line) for line in text.split("\n") if line]
        assert all(isinstance(page, str) for page in pages), barcode
        assert len(pages) == stored[barcode]["page_count"] and images, (barcode, len(pages))
    print(f"{len(found)} books found and read")


main()
