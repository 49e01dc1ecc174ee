"""The questions that aren't cells of the matrix: one spinning connection, an idle server, system
calls per message."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time

import table
from contenders import Failure
from measure import run_load

IDLE_SECONDS = 4
IDLE_CONNECTIONS = 1000
IDLE_RUNS = 5
SETTLE_SECONDS = 0.5
SIZE = 64


def round_trips(bench, say):
    """One connection, client and server both looking for work instead of sleeping."""
    names = bench.options.contenders
    results = bench.rounds(names, 1, SIZE, spin=True)
    say(f"\nOne connection, {SIZE} B, everybody spins (Gyre for "
        f"{bench.options.spin_us} us before it sleeps)")
    p50 = lambda r: r["latency_ns"]["p50"]
    p99 = lambda r: r["latency_ns"]["p99"]
    rows = [["  contender", "p50 ns", "p99 ns", "ratio of p50"]]
    base = results.get(table.BASE, [])
    for name, reports in results.items():
        ratio = table.ratios(reports, base, p50)
        rows.append(["  " + name, table.median_text(reports, p50, 0),
                     table.median_text(reports, p99, 0), table.ratio_text(ratio)])
    for line in table.aligned(rows):
        say(line)
    ratio = table.ratios(results.get("gyre", []), base, p50)
    if ratio:
        yield (f"round trip when spinning: {ratio[0]:.3f} of {table.BASE}, at most 1.1",
               ratio[0] <= 1.1)


def idle(bench, say):
    """What a server uses that has had work and has none now; with and without connections."""
    if "gyre" not in bench.options.contenders:
        return
    say(f"\nProcessor time of an idle server in {IDLE_SECONDS} s")
    for spin in (False, True):
        with bench.server("gyre", spin=spin) as server:
            command = bench.load_command(server, 50, SIZE, seconds=0.3, warmup=0)
            run_load(command, 1)
            used = cpu_ms_while_idle(server)
        say(f"  gyre, spin {'on ' if spin else 'off'}  {used:.3f} ms")
        if not spin:
            yield f"idle server with spin off: {used:.3f} ms of CPU, none", used == 0
    for name in ("gyre", "gyre_epoll", "gyre_threads"):
        with bench.server(name) as server, contextlib.ExitStack() as connections:
            for _ in range(IDLE_CONNECTIONS):
                echo_once(connections.enter_context(
                    socket.create_connection(("127.0.0.1", int(server.port)))))
            used = cpu_ms_while_idle(server)
        share = used / 1e3 / IDLE_SECONDS
        say(f"  {name}, {IDLE_CONNECTIONS} connections  {used:.3f} ms")
        yield (f"idle {name} with {IDLE_CONNECTIONS} connections: {share:.4%} of a CPU, "
               "less than 0.1 %", share < 0.001)


def echo_once(connection):
    connection.sendall(b"x")
    if connection.recv(1) != b"x":
        raise Failure("a server didn't echo a byte")


def cpu_ms_while_idle(server):
    time.sleep(SETTLE_SECONDS)
    before = server.cpu_ns()
    time.sleep(IDLE_SECONDS)
    return (server.cpu_ns() - before) / 1e6


def syscalls(bench, say):
    """Counted in runs of their own, because counting costs time."""
    counter = choose_counter()
    if counter is None:
        say("\nSystem calls: neither perf with tracepoints nor strace is here to count them")
        return
    say(f"\nSystem calls per message, {SIZE} B, counted by {counter.__name__}, not timed")
    rows = [["  contender"] + [f"{c} connections" for c in (1, 50, 500)]]
    aim = None
    for name in bench.options.contenders:
        row = ["  " + name]
        for connections in (1, 50, 500):
            per_message = count_syscalls(bench, counter, name, connections)
            row.append(f"{per_message:.3f}")
            if name == "gyre" and connections == 500:
                aim = per_message
        rows.append(row)
    for line in table.aligned(rows):
        say(line)
    if aim is not None:
        yield f"system calls per message at 500 connections: {aim:.3f}, at most 0.1", aim <= 0.1


def count_syscalls(bench, counter, name, connections):
    with bench.server(name) as server, tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "count")
        command = bench.load_command(server, connections, SIZE, warmup=0)
        seconds = bench.options.seconds
        report, count = counter(server.pid, command, seconds, output)
    if report["messages_total"] == 0:
        raise Failure(f"{name}: no message while system calls were counted")
    return count / report["messages_total"]


def choose_counter():
    if shutil.which("perf"):
        trial = subprocess.run(["perf", "stat", "-e", "raw_syscalls:sys_enter", "true"],
                               capture_output=True)
        if trial.returncode == 0:
            return perf
    return strace if shutil.which("strace") else None


def perf(pid, command, seconds, output):
    counting = ["perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-p", str(pid),
                "-o", output, "--"]
    report = run_load(counting + command, seconds)
    with open(output) as file:
        for line in file:
            if "raw_syscalls:sys_enter" in line:
                return report, int(line.split(",")[0])
    raise Failure("perf counted nothing")


def strace(pid, command, seconds, output):
    """Slows the server, which makes its batches larger: read the figure as a lower bound."""
    tracer = subprocess.Popen(["strace", "-f", "-q", "-c", "-S", "calls", "-o", output,
                               "-p", str(pid)], stderr=subprocess.DEVNULL)
    try:
        time.sleep(SETTLE_SECONDS)
        report = run_load(command, seconds)
    finally:
        tracer.terminate()
        tracer.wait()
    with open(output) as file:
        for line in file:
            words = line.split()
            if words and words[-1] == "total":
                return report, int(words[3])
    raise Failure("strace counted nothing")
