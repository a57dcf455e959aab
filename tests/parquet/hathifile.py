"""Makes a hathifile: a row for every second book of an export as JSON lines, and rows of volumes that the catalog does not have."""

import gzip
import json
import sys

# The columns in their order, as far as a row here fills them: identifier, access, rights, record, and so on.
REST = ["000000067", "", "HVD", "990000000670106381", "4270", "", "", "", "A title", "Praeger"]
END = ["0", "1969", "nyu", "eng", "BK", "HVD", "harvard", "harvard", "google", "google", "Somebody, 1900-"]


def row(volume, access, code, time):
    return "\t".join([volume, access, code, *REST, "bib", time, *END]) + "\n"


books = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
with gzip.open(sys.argv[2], "wt", encoding="utf-8") as out:
    for number, book in enumerate(books):
        access, code = ("allow", "pd") if number % 4 == 0 else ("deny", "ic")
        if number % 2 == 0:
            out.write(row("hvd." + book["barcode"].lower(), access, code, "2020-01-02 03:04:05"))
        out.write(row(f"mdp.3901500000{number:04}", "deny", "ic", "2008-01-21 09:30:30"))
    out.write("half a line\n")
