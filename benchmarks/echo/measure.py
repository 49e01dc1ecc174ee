"""One run of the load generator, with what the kernel's counters say about it."""

import json
import subprocess

from contenders import Failure

# Connections that wait for the server at once while the others are being served: enough to show
# whether accepting starves receiving or the reverse, well below the backlog of 4,096.
PACE = 250

# A run ends by itself; this is for one that doesn't.
SLACK_SECONDS = 60


def load_command(load, port, core, connections, size, seconds, warmup, spin=False, pid=None):
    command = [load, "echo", "--port", port, "--cpu", str(core), "--json", "-",
               "--connections", str(connections), "--size", str(size),
               "--duration", str(seconds), "--warmup", str(warmup), "--pace", str(PACE)]
    if spin:
        command.append("--spin")
    if pid is not None:
        command += ["--server-pid", str(pid)]
    return command


def run_load(command, seconds):
    """The report of the load generator; with errors in it, if there were any."""
    before = kernel_counters()
    try:
        done = subprocess.run(command, capture_output=True, text=True,
                              timeout=seconds + SLACK_SECONDS)
    except subprocess.TimeoutExpired:
        raise Failure(f"the load generator took more than {seconds + SLACK_SECONDS:.0f} s: "
                      + " ".join(command))
    after = kernel_counters()
    if done.returncode not in (0, 1):
        raise Failure(f"the load generator failed: {done.stderr.strip()}")
    report = json.loads(done.stdout[done.stdout.index("{"):])
    report["kernel"] = {name: after[name] - before[name] for name in after}
    return report


def kernel_counters():
    """Of the whole machine: a lost packet costs its connection 200 ms, whoever the server is."""
    return {
        "tcp_retransmits": snmp("/proc/net/snmp", "Tcp", "RetransSegs"),
        "tcp_timeouts": snmp("/proc/net/netstat", "TcpExt", "TCPTimeouts"),
        "backlog_drops": backlog_drops(),
    }


def snmp(path, protocol, name):
    with open(path) as counters:
        lines = [line.split() for line in counters if line.startswith(protocol + ":")]
    names, values = lines[0], lines[1]
    return int(values[names.index(name)]) if name in names else 0


def backlog_drops():
    with open("/proc/net/softnet_stat") as stat:
        return sum(int(line.split()[1], 16) for line in stat)
