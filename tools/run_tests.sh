# shellcheck shell=bash
# Runs Bazel and counts what its tests say. Sourced by ./dev.

passed=0
failed=0
failures=()
bazel_ran=

# Bazel keeps its files under HOME, which a service or a container may not have.
if [ ! -d "${HOME-}" ] || [ ! -w "${HOME-}" ]; then
  HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
  [ -d "$HOME" ] && [ -w "$HOME" ] || HOME=${TMPDIR:-/tmp}/gyre-home-$(id -u)
  mkdir -p "$HOME"
  export HOME
fi

# run_bazel <command> [argument...]
run_bazel() {
  local command=$1 quiet=()
  shift
  [ -t 2 ] || quiet=(--config=ci)
  bazel_ran=1
  bazel "$command" "${quiet[@]}" "$@"
}

stop_bazel() {
  [ -z "$bazel_ran" ] || bazel shutdown >/dev/null 2>&1 || true
  bazel_ran=
}

# run_tests <name> <flag or target>...: adds the cases of those tests to the counts.
run_tests() {
  local name=$1 status=0
  shift
  run_bazel test --keep_going --test_env=GYRE_REQUIRE_IO_URING \
    --build_event_json_file="$work/$name.json" "$@" || status=$?
  count_tests "$name" "$status" "$work/$name.json"
}

# count_tests <name> <exit status of bazel> <event file> [prefix of paths in it]
count_tests() {
  local name=$1 status=$2 counts
  shift 2
  counts=$(python3 tools/count_tests.py "$@") || counts="0 0"
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
  if [ "${counts#* }" != 0 ]; then
    failures+=("$name: ${counts#* } tests")
  elif [ "$status" != 0 ]; then
    failed=$((failed + 1))
    failures+=("$name: bazel ended with status $status")
  elif [ "${counts% *}" = 0 ]; then
    failed=$((failed + 1))
    failures+=("$name: no test was run")
  fi
  say "$name: ${counts% *} tests passed, ${counts#* } failed"
}

# expect <what> <command> [argument...]: counts one check, and shows its output if it fails.
expect() {
  local what=$1
  shift
  if "$@" >"$work/output" 2>&1; then
    passed=$((passed + 1))
  else
    cat "$work/output" >&2
    failed=$((failed + 1))
    failures+=("$what")
    say "FAILED: $what"
  fi
}

# Ends ./dev with the counts as its last line.
summary() {
  local failure
  for failure in "${failures[@]}"; do
    say "failed: $failure"
  done
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}
