"""The echo servers that are measured, and how one is started and ended."""

import os
import select
import signal
import subprocess

READY_SECONDS = 10
END_SECONDS = 3

# Name -> program in bazel-bin, the arguments that make it spin instead of sleeping, the others.
RAW_SPIN = ["--spin"]
GYRE = "examples/echo_server"


def commands(backend, spin_us):
    gyre_spin = ["--spin", str(spin_us)]
    return {
        "raw_uring": ("benchmarks/echo/raw_uring", RAW_SPIN, []),
        "raw_epoll": ("benchmarks/echo/raw_epoll", RAW_SPIN, []),
        "asio": ("benchmarks/echo/asio_echo", RAW_SPIN, []),
        "gyre": (GYRE, gyre_spin, ["--cores", "1", "--backend", backend]),
        "gyre_epoll": (GYRE, gyre_spin, ["--cores", "1", "--backend", "epoll"]),
        "gyre_threads": (GYRE, gyre_spin, ["--cores", "1", "--backend", "threads"]),
        "raw_uring_multishot": ("benchmarks/echo/raw_uring_multishot", RAW_SPIN, []),
    }


DEFAULT = ["raw_uring", "raw_epoll", "asio", "gyre"]


class Failure(Exception):
    """The benchmark can't go on; the text is one sentence for the user."""


class Server:
    """A running contender, pinned to a core. Use as a context manager: it is gone afterwards."""

    def __init__(self, command, core):
        self.command = command
        self.core = core
        self.process = None
        self.port = None

    def __enter__(self):
        pin = lambda: os.sched_setaffinity(0, {self.core})
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, text=True, preexec_fn=pin)
        try:
            self.port = self._read_port()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    @property
    def pid(self):
        return self.process.pid

    def end(self):
        process = self.process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        process.stdout.close()

    def cpu_ns(self):
        """Processor time that its threads have used so far."""
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/schedstat") as stat:
                total += int(stat.read().split()[0])
        return total

    def _read_port(self):
        """Waits for the line "listening on 127.0.0.1:PORT"."""
        name = " ".join(self.command)
        ready, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS)
        line = self.process.stdout.readline().strip() if ready else ""
        if not line.startswith("listening on "):
            raise Failure(f"{name} didn't say that it listens within {READY_SECONDS} s, "
                          f"but: {line or 'nothing'}")
        return line.rsplit(":", 1)[1]
