"""Reads Parquet files back with pyarrow, and compares them with the same books as JSON lines."""

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

folder = Path(sys.argv[1])
books = [json.loads(line) for line in (folder / "books.jsonl").open(encoding="utf-8")]
report = json.loads((folder / "report.json").read_text())

text, number = pa.string(), pa.int32()
lists = pa.struct([(name, pa.list_(pa.field("element", text))) for name in ("lccn", "isbn", "ocolc")])
rights = pa.struct([(name, text) for name in ("url", "rights_code", "reason_code", "last_check")])
# Names, types and order of the published dataset, without the columns that are computed from the text.
SCHEMA = pa.schema([
    ("barcode_src", text),
    ("title_src", text),
    ("author_src", text),
    ("date1_src", text),
    ("date2_src", text),
    ("date_types_src", text),
    ("page_count_src", number),
    ("language_src", text),
    ("topic_or_subject_src", text),
    ("genre_or_form_src", text),
    ("general_note_src", text),
    ("ocr_score_src", number),
    ("identifiers_src", lists),
    ("hathitrust_data_ext", rights),
    ("hathitrust_access_ext", text),
    ("hathitrust_rights_timestamp_ext", text),
])


def same(found, expected, what):
    if found != expected:
        sys.exit(f"{what}: {found!r}, expected {expected!r}")


def joined(book, names, closing):
    whole = " ".join(book[name].strip() for name in names if book.get(name, "").strip())
    return (whole.removesuffix(closing).strip()) or None


def row(book):
    """A book of the JSON lines as the row that it must be."""
    known = book.get("hathitrust_id")
    score = book.get("grin_ocr_analysis_score")
    return {
        "barcode_src": book["barcode"],
        "title_src": joined(book, ["marc_title", "marc_title_remainder"], "/") or book.get("title"),
        "author_src": joined(book, ["marc_author_personal", "marc_author_corporate", "marc_author_meeting"], ","),
        "date1_src": book.get("marc_date_1"),
        "date2_src": book.get("marc_date_2"),
        "date_types_src": book.get("marc_date_type"),
        "page_count_src": book.get("page_count"),
        "topic_or_subject_src": ", ".join(book.get("marc_subjects", [])) or None,
        "genre_or_form_src": ", ".join(book.get("marc_genres", [])) or None,
        "general_note_src": ", ".join(book.get("marc_general_note", [])) or None,
        "ocr_score_src": int(score) if score else None,
        "hathitrust_data_ext": known and {
            "url": "https://hdl.handle.net/2027/" + known,
            "rights_code": book["rights_code"],
            "reason_code": book["rights_reason"],
            "last_check": book["rights_recorded_at"][:10],
        },
        "hathitrust_access_ext": book.get("rights_access"),
        "hathitrust_rights_timestamp_ext": book.get("rights_timestamp"),
    }


file = pq.ParquetFile(folder / "books.parquet")
same(file.schema_arrow, SCHEMA, "schema")
rows = file.read().to_pylist()
same(len(rows), len(books), "rows")
for found, book in zip(rows, books, strict=True):
    expected = row(book)
    same({name: found[name] for name in expected}, expected, book["barcode"])
    for name, column in (("isbn", "marc_isbn"), ("ocolc", "marc_oclc_numbers")):
        same(found["identifiers_src"][name], book.get(column, []), f"{book['barcode']} {name}")
# The simulated records are in English; the rule for other languages has its own tests.
languages = {found["language_src"] for found, book in zip(rows, books) if book.get("marc_language") == "eng"}
same(languages, {"eng"}, "language")

with_rights = [book for book in books if "rights_code" in book]
same(len(with_rights), (len(books) + 1) // 2, "books with rights")
same([report[name] for name in ("recorded", "malformed", "ambiguous")], [len(with_rights), 1, 0], "report")
same({book["rights_access"] for book in with_rights}, {"allow", "deny"}, "access")

stored = pq.read_table(folder / "stored.parquet").to_pylist()
same([found["barcode_src"] for found in stored], [book["barcode"] for book in books if book["state"] == "stored"], "stored")
print(f"{len(rows)} rows in {file.num_row_groups} group, {len(with_rights)} with rights")
