#!/usr/bin/env bash
# Serves this tree over HTTP, loads the server for ten seconds and prints what came out of it.
#
#     examples/demo.sh                     the demonstration
#     examples/demo.sh --keep [OPTION...]  the server alone, until Ctrl-C; OPTIONs are the server's
#
# HTTP_SERVER and LOAD name the two programs where they are not in bazel-bin/. DEMO_SECONDS is how
# long to load, 10 by default.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
server=${HTTP_SERVER:-$root/bazel-bin/examples/http_server}
load=${LOAD:-$root/bazel-bin/benchmarks/load/load}
seconds=${DEMO_SECONDS:-10}
connections=64

die() {
  printf 'demo: error: %s\n' "$*" >&2
  exit 1
}

work=$(mktemp -d)
pids=()

# Nothing is left running, however this ends.
clean_up() {
  local pid
  for pid in "${pids[@]}"; do
    kill "$pid" 2>/dev/null || true
  done
  for pid in "${pids[@]}"; do
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Starts the server and sets `port`.
start_server() {
  [ -x "$server" ] || die "no program at $server: build //examples:http_server first"
  : >"$work/server"  # so that it is there when it is looked at
  "$server" --port 0 --root "$root" "$@" >"$work/server" &
  server_pid=$!
  pids+=("$server_pid")
  local tries line=
  for ((tries = 0; tries < 200; tries++)); do
    line=$(sed -n 's/^listening on //p' "$work/server")
    [ -z "$line" ] || break
    kill -0 "$server_pid" 2>/dev/null || die "the server did not start; it said why above"
    sleep 0.05
  done
  [ -n "$line" ] || die "the server did not listen within ten seconds"
  address=$line
  port=${line##*:}
}

# metric <file> <name>: the sum over all cores.
metric() {
  awk -v name="$2" '$1 ~ "^" name "({|$)" { sum += $NF } END { printf "%.0f\n", sum }' "$1"
}

# Keeps what /metrics says in a file.
read_metrics() {
  exec 3<>"/dev/tcp/127.0.0.1/$port" || die "can't connect to the server"
  printf 'GET /metrics HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n' >&3
  cat <&3 >"$1"
  exec 3>&-
}

# per_request <metric>: how many a request took during the load.
per_request() {
  local spent requests
  spent=$(($(metric "$work/after" "$1") - $(metric "$work/before" "$1")))
  requests=$(($(metric "$work/after" http_requests_total) -
    $(metric "$work/before" http_requests_total)))
  awk -v spent="$spent" -v requests="$requests" \
    'BEGIN { printf "%.4f  (%d for %d requests)\n", spent / requests, spent, requests }'
}

keep() {
  start_server "$@"
  echo "serving $root"
  echo "  http://$address/           files"
  echo "  http://$address/plaintext  a fixed answer, for load generators"
  echo "  http://$address/metrics    what the server counts"
  echo "Ctrl-C ends it."
  # A signal interrupts the wait; the server then ends in its own time.
  trap 'kill -TERM "$server_pid"' INT TERM
  local status=0
  while kill -0 "$server_pid" 2>/dev/null; do
    status=0
    wait "$server_pid" || status=$?
  done
  pids=()
  exit "$status"
}

# The first core's backend, and what it got from the kernel, in one line.
what_backend() {
  sed -n -e 's/^gyre_backend_info{core="0",backend="\([^"]*\)".*/\1/p' \
    -e 's/^gyre_backend_obtained{core="0",what="\([^"]*\)"} 1$/\1/p' \
    -e 's/^gyre_ring_feature{core="0",feature="\([^"]*\)"} 1$/\1/p' "$1" | paste -s -d , |
    sed 's/,/, /g'
}

demonstrate() {
  [ -x "$load" ] || die "no program at $load: build //benchmarks/load:load first"
  start_server "$@"
  echo "http_server listens on $address; $connections connections ask for /plaintext" \
    "for $seconds seconds"
  read_metrics "$work/before"
  "$load" http --host 127.0.0.1 --port "$port" --path /plaintext --connections "$connections" \
    --duration "$seconds" --server-pid "$server_pid" --progress >"$work/report" &
  pids+=("$!")
  wait "$!" || die "the load generator failed"
  read_metrics "$work/after"
  echo
  cat "$work/report"
  printf '%-24s%s' "syscalls per request" "$(per_request gyre_backend_syscalls_total)"
  printf '\n%-24s%s' "allocations per request" "$(per_request process_heap_allocations_total)"
  printf '\n%-24s%s\n' "backend" \
    "$(what_backend "$work/after")"
  kill -TERM "$server_pid"
  wait "$server_pid" || die "the server ended with status $?"
  pids=()
}

if [ "${1-}" = --keep ]; then
  shift
  keep "$@"
else
  demonstrate "$@"
fi
