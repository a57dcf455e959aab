"""How long page and metrics take with a large catalog: median and longest of 200 requests. Usage: times.py PROGRAM [BOOKS]

The catalog of a daemon that stored ten books is filled with stored books, one in a hundred of them failed."""

import http.client
import sqlite3
import statistics
import sys
import time

from service import Service

PROGRAM, BOOKS = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
THEN = "2026-11-29T10:00:00.000Z"
COLUMNS = "barcode, state, state_at, created_at, updated_at, sync_timestamp, failure_reason, failure_detail"


def book(number):
    if number % 100:
        return f"BIG{number:09d}", "stored", THEN, THEN, THEN, THEN, None, None
    return f"BIG{number:09d}", "failed", THEN, THEN, THEN, None, "damaged_at_source", "page 3 is not what its digest says"


def fill(path):
    catalog = sqlite3.connect(path)
    catalog.executemany(f"INSERT INTO books ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(book, range(BOOKS)))
    failed = -(-BOOKS // 100)
    counts = [("state", "stored", BOOKS - failed), ("state", "failed", failed), ("failure", "damaged_at_source", failed), ("grin_state", "", BOOKS)]
    add = "INSERT INTO tallies (kind, value, n) VALUES (?, ?, ?) ON CONFLICT (kind, value) DO UPDATE SET n = n + excluded.n"
    catalog.executemany(add, counts)
    catalog.commit()
    catalog.close()


def measure(service, path, times):
    host, port = service.listen.split(":")
    connection = http.client.HTTPConnection(host, int(port))
    took = []
    for _ in range(times):
        began = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        length = len(answer.read())
        took.append((time.perf_counter() - began) * 1e3)
        assert answer.status == 200, (path, answer.status)
    print(f"{path}: median {statistics.median(took):.2f} ms, longest {max(took):.2f} ms of {times}; {length} bytes")


def shows(service, text):
    while text not in service.get("/"):
        time.sleep(0.5)


with Service(PROGRAM, ["--books", "10", "--pages", "2"]) as service:
    shows(service, "10 of 10 books")
    service.daemon.terminate()
    service.daemon.wait()
    fill(f"{service.folder.name}/catalog.db")
    service.start()
    # The failed ones are listed once the catalog was counted.
    shows(service, "BIG")
    for path, times in [("/", 200), ("/metrics", 200), ("/api/status", 200), ("/book/BIG000000100", 200)]:
        measure(service, path, times)
