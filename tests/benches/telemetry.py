#!/usr/bin/env python3
"""What full telemetry costs the whole job, in CPU time: the same library is fetched again and again, in rounds that begin with each way in turn.
off: nothing that passes between actors is counted (GRIND_DEBUG_UNCOUNTED). counted: it is counted, timed and kept. watched: metrics, page and
status are asked for once a second, too. CPU time instead of the clock, as other programs of the machine take no part in it; medians of many rounds.

Usage: tests/benches/telemetry.py [GRIND] [BOOKS] [ROUNDS]; a line a round, then the medians, and whether 2 % are kept. A release build alone on
its machine: an unoptimised one makes a page in twenty times the time.
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
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 40
MOST = 1.02
WAYS = ["off", "counted", "watched"]
# What counting a message costs at the most: the aim that `cargo bench --bench mailbox -- telemetry` holds against.
MOST_A_MESSAGE = 0.3e-6
SEEN = {"messages": 0.0, "cpu": 1.0}


def total(metrics, family):
    return sum(float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if line.startswith(family))


def look(address, ended):
    """Asks for everything once a second."""
    while not ended.wait(1):
        for path in ("/metrics", "/", "/api/status"):
            try:
                said = urllib.request.urlopen(address + path, timeout=5).read().decode()
                if path == "/metrics":
                    SEEN["messages"] = total(said, "grind_messages_handled_total")
                    SEEN["cpu"] = total(said, "process_cpu_seconds_total")
            except OSError:
                # It begins, or it ends.
                pass


def cpu_seconds(folder, config, way):
    """Of one whole job, into a new library."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    places = {"GRIND__CATALOG__URL": f"sqlite://{folder}/catalog.db", "GRIND__STORAGE__URL": f"file://{folder}/library"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    rest = {"GRIND__OBSERVE__LISTEN": address, "GRIND__STORAGE__DISK_RESERVE": "0%"}
    environment = {**os.environ, **places, **rest}
    if way == "off":
        environment["GRIND_DEBUG_UNCOUNTED"] = "1"
    log = (folder / "log").open("w")
    job = subprocess.Popen([GRIND, "run", "--once", "--config", config], env=environment, stdout=log, stderr=log)
    ended = threading.Event()
    looking = threading.Thread(target=look, args=(f"http://{address}", ended))
    if way == "watched":
        looking.start()
    _, status, used = os.wait4(job.pid, 0)
    ended.set()
    if way == "watched":
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
    config, each = str(folder / "grind.toml"), {way: [] for way in WAYS}
    cpu_seconds(folder / "job", config, "watched")  # What is read for the first time is read from the disk.
    for number in range(ROUNDS):
        first = number % len(WAYS)
        for way in WAYS[first:] + WAYS[:first]:
            each[way].append(cpu_seconds(folder / "job", config, way))
        print(", ".join(f"{way} {each[way][-1]:.3f} s" for way in WAYS), flush=True)
    medians = ", ".join(f"{way} {statistics.median(each[way]) * 1000 / BOOKS:.3f}" for way in WAYS)
    print(f"{ROUNDS} rounds of {BOOKS} books: CPU ms a book {medians}")
    a_second = SEEN["messages"] / SEEN["cpu"]
    print(f"{a_second:.0f} messages a second of CPU: to count them is {a_second * MOST_A_MESSAGE:.4%} of it at the most")
    for way in WAYS[1:]:
        ratios = [on / off for on, off in zip(each[way], each["off"])]
        least, most = interval(ratios)
        verdict = "too few rounds" if ROUNDS < 6 else "shown" if most <= MOST else "refuted" if least > MOST else "not shown: more rounds, or a quieter machine"
        print(f"{way} ÷ off: {statistics.median(ratios):.4f}, with 95 % between {least:.4f} and {most:.4f}; at most 2 %: {verdict}")


main()
