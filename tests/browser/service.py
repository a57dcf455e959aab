"""A real daemon and the simulated GRIN that it works for."""

import os
import re
import signal
import subprocess
import tempfile
import threading
import urllib.request


class Lines:
    """Reads all that a process says, so that it is never kept waiting."""

    def __init__(self, stream):
        self.seen = []
        self.news = threading.Condition()
        threading.Thread(target=self.read, args=(stream,), daemon=True).start()

    def read(self, stream):
        for line in stream:
            with self.news:
                self.seen.append(line.rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.seen.append(None)
            self.news.notify_all()

    def wait(self, pattern, seconds=60):
        """The first match in any line."""

        def match():
            lines = [line for line in self.seen if line]
            return next(filter(None, (re.search(pattern, line) for line in lines)), None)

        with self.news:
            self.news.wait_for(lambda: match() or None in self.seen, seconds)
            found = match()
        if not found:
            raise AssertionError(f"{pattern} was never said:\n" + "\n".join(map(str, self.seen[-20:])))
        return found


class Service:
    def __init__(self, program, simulate=(), environment=()):
        self.program = program
        self.folder = tempfile.TemporaryDirectory(prefix="grind-browser-")
        # What else fills the disk of this machine is no matter of the test.
        reserve = {"GRIND__STORAGE__DISK_RESERVE": "0%"}
        self.environment = {**os.environ, **reserve, "NO_COLOR": "1", **dict(environment)}
        config = ["--write-config", self.folder.name]
        self.simulator = self.begin("simulate", "--listen", "127.0.0.1:0", *config, *simulate)
        Lines(self.simulator.stderr)
        Lines(self.simulator.stdout).wait("^http://")
        self.listen = "127.0.0.1:0"
        self.start()

    def begin(self, *arguments):
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [self.program, *arguments], stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, env=self.environment
        )

    def start(self):
        """Starts the daemon, the second time at the same address."""
        self.environment["GRIND__OBSERVE__LISTEN"] = self.listen
        self.daemon = self.begin("run", "--config", f"{self.folder.name}/grind.toml")
        Lines(self.daemon.stdout)
        self.log = Lines(self.daemon.stderr)
        self.listen = self.log.wait(r"page=\"?([0-9.]+:[0-9]+)")[1]
        self.address = f"http://{self.listen}"

    def get(self, path):
        with urllib.request.urlopen(self.address + path, timeout=10) as answer:
            return answer.read().decode()

    def watch(self):
        """One more who watches the page, until it is closed."""
        return urllib.request.urlopen(self.address + "/events", timeout=10)

    def kill(self):
        self.daemon.send_signal(signal.SIGKILL)
        self.daemon.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (self.daemon, self.simulator):
            process.kill()
            process.wait()
        self.folder.cleanup()
