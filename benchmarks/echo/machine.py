"""The facts about machine and tree that a figure means nothing without."""

import datetime
import os
import platform
import re
import subprocess


def facts(root):
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": commit(root),
        "kernel": platform.release(),
        "cpu": cpuinfo("model name"),
        "cores": os.cpu_count(),
        "virtual": "hypervisor" in cpuinfo("flags").split(),
        "governor": contents("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "none"),
        "load_average": os.getloadavg(),
        "gcc": first_line(["gcc", "--version"]),
        "clang": first_line(["clang-19", "--version"]),
        "liburing": first_line(["pkg-config", "--modversion", "liburing"]),
        "tcp_congestion_control": contents("/proc/sys/net/ipv4/tcp_congestion_control"),
        "somaxconn": contents("/proc/sys/net/core/somaxconn"),
        "netdev_max_backlog": contents("/proc/sys/net/core/netdev_max_backlog"),
    }


def contents(path, otherwise="unknown"):
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return otherwise


def cpuinfo(field):
    match = re.search(rf"^{field}\s*: (.*)$", contents("/proc/cpuinfo"), re.MULTILINE)
    return match.group(1) if match else "unknown"


def first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "none"
    return done.stdout.splitlines()[0] if done.stdout else "none"


def commit(root):
    name = first_line(["git", "-C", root, "rev-parse", "--short=12", "HEAD"])
    changed = first_line(["git", "-C", root, "status", "--porcelain", "-uno"])
    return name if changed == "none" else name + " with changes"
