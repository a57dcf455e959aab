#!/usr/bin/env python3
"""What full telemetry costs the whole job, in CPU time: the same library is fetched again and again, in pairs that begin with either in turn.
On: all that passes between actors is counted, timed and kept, and metrics, page and status are asked for once a second. Off: nothing of
that (GRIND_DEBUG_UNCOUNTED). CPU time instead of the clock, as other programs of the machine take no part in it; medians of many pairs.

Usage: tests/benches/telemetry.py [GRIND] [BOOKS] [PAIRS]; a line a pair, then the medians, and whether 2 % are kept.
"""

import math
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import urllib.request

GRIND = os.path.realpath(sys.argv[1] if len(sys.argv) > 1 else "target/release/grind")
BOOKS = int(sys.argv[2]) if len(sys.argv) > 2 else 600
PAIRS = int(sys.argv[3]) if len(sys.argv) > 3 else 40
MOST = 1.02


def look(address, ended):
    """Asks for everything once a second."""
    while not ended.wait(1):
        for path in ("/metrics", "/", "/api/status"):
            try:
                urllib.request.urlopen(address + path, timeout=5).read()
            except OSError:
                # It begins, or it ends.
                pass


def cpu_seconds(folder, config, counted):
    """Of one whole job, into a new library."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    places = {"GRIND__CATALOG__URL": f"sqlite://{folder}/catalog.db", "GRIND__STORAGE__URL": f"file://{folder}/library"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    rest = {"GRIND__OBSERVE__LISTEN": address, "GRIND__STORAGE__DISK_RESERVE": "0%"}
    environment = {**os.environ, **places, **rest}
    if not counted:
        environment["GRIND_DEBUG_UNCOUNTED"] = "1"
    log = (folder / "log").open("w")
    job = subprocess.Popen([GRIND, "run", "--once", "--config", config], env=environment, stdout=log, stderr=log)
    ended = threading.Event()
    looking = threading.Thread(target=look, args=(f"http://{address}", ended))
    if counted:
        looking.start()
    _, status, used = os.wait4(job.pid, 0)
    ended.set()
    if counted:
        looking.join()
    if status != 0:
        sys.exit((folder / "log").read_text())
    return used.ru_utime + used.ru_stime


def interval(values):
    """Between these the median lies with 95 %, whatever their distribution."""
    values, count = sorted(values), len(values)
    beyond, place = 0.0, 0
    while beyond + math.comb(count, place) / 2**count <= 0.025:
        beyond += math.comb(count, place) / 2**count
        place += 1
    return (values[place - 1], values[-place]) if place else (values[0], values[-1])


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        library = ["--books", str(BOOKS), "--pages", "8", "--image-bytes", "24000", "--prepare", "--no-auth"]
        simulate = [GRIND, "simulate", *library, "--listen", "127.0.0.1:0", "--write-config", str(folder)]
        simulator = subprocess.Popen(simulate, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            while not simulator.stdout.readline().startswith("http://"):
                pass
            measure(folder)
        finally:
            simulator.kill()


def measure(folder):
    config, ratios, each = str(folder / "grind.toml"), [], {True: [], False: []}
    cpu_seconds(folder / "job", config, True)  # What is read for the first time is read from the disk.
    for pair in range(PAIRS):
        for counted in (True, False) if pair % 2 else (False, True):
            each[counted].append(cpu_seconds(folder / "job", config, counted))
        ratios.append(each[True][-1] / each[False][-1])
        print(f"on {each[True][-1]:.3f} s, off {each[False][-1]:.3f} s, on ÷ off {ratios[-1]:.4f}", flush=True)
    on, off = (statistics.median(each[counted]) * 1000 / BOOKS for counted in (True, False))
    least, most = interval(ratios)
    print(f"{PAIRS} pairs of {BOOKS} books: CPU ms a book on {on:.3f}, off {off:.3f}; on ÷ off {statistics.median(ratios):.4f}, with 95 % between {least:.4f} and {most:.4f}")
    print("at most 2 %: " + ("shown" if most <= MOST else "refuted" if least > MOST else "not shown: more pairs, or a quieter machine"))


main()
