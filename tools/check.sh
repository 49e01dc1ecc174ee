# shellcheck shell=bash
# The parts of ./dev check. Sourced by ./dev.

# ./dev test runs the exhaustive ones; they take minutes, and no other compiler can change what
# they find.
again=(--config=again --test_tag_filters=-exhaustive)

check_parts=(format tidy layering shell headers gcc clang asan tsan bazel7)

dev_check() {
  local part parts=() before_passed before_failed start
  for part in "$@"; do
    part=${part#--}
    [[ " ${check_parts[*]} " == *" $part "* ]] ||
      die "no part '$part' in check; there are: ${check_parts[*]}"
    parts+=("$part")
  done
  [ ${#parts[@]} -gt 0 ] || parts=("${check_parts[@]}")
  for part in "${parts[@]}"; do
    before_passed=$passed before_failed=$failed start=$SECONDS
    say "---- check $part"
    "check_$part"
    say "$part: $((passed - before_passed)) passed, $((failed - before_failed)) failed," \
      "$((SECONDS - start)) s"
  done
  summary
}

check_format() {
  need format
  sources >"$work/sources"
  expect "format (./dev fmt mends it)" xargs -a "$work/sources" clang-format-19 --dry-run -Werror
}

check_tidy() {
  local rule
  need build
  expect "tidy finds what it should" python3 tests/tidy/tidy_test.py
  for rule in $(python3 tests/tidy/tidy.py --list); do
    expect "tidy $rule" python3 tests/tidy/tidy.py "$rule"
  done
}

# The arrows between the rooms, as Bazel sees them; tidy looks at the includes.
check_layering() {
  need build
  expect "tidy arrows" python3 tests/tidy/tidy.py arrows
  expect "every source is in a target" in_targets
  expect "every include is of a target in deps" included_from_deps
  expect "runtime depends on no other room" no_path //runtime/... //io/... //net/... //fs/...
  expect "io depends on runtime only" no_path //io/... //net/... //fs/...
  expect "net does not depend on fs" no_path //net/... //fs/...
  expect "fs does not depend on net" no_path //fs/... //net/...
  expect "gyre needs no Boost, unless one asks for fibers" no_path //:gyre //bazel:boost_context
  local room
  for room in runtime io net fs; do
    expect "$room depends on no user of it" no_path "//$room/..." \
      //tests/... //benchmarks/... //examples/...
  done
  expect "examples use no test or benchmark" no_path //examples/... //tests/... //benchmarks/...
  expect "benchmarks use no test or example" no_path //benchmarks/... //tests/... //examples/...
}

# Every source is in a target, else nothing would build it.
in_targets() {
  run_bazel query 'labels(srcs, //...) + labels(hdrs, //...)' | sed 's|^//||; s|:|/|; s|^/||' |
    sort >"$work/in_targets"
  sources | grep -v '^tests/consumer/' | comm -23 - "$work/in_targets" >"$work/in_none"
  [ ! -s "$work/in_none" ] || {
    echo "no target has:"
    cat "$work/in_none"
    return 1
  }
}

included_from_deps() {
  run_bazel query --output=xml //... | python3 tools/include_deps.py
}

# no_path <from> <to>...: fails and names the targets if from depends on something in to.
no_path() {
  local from=$1 found
  shift
  found=$(run_bazel query "deps($from) intersect ($(join ' + ' "$@"))") || return
  [ -z "$found" ] || {
    echo "$from depends on:"
    echo "$found"
    return 1
  }
}

join() {
  local separator=$1 joined=$2
  shift 2
  joined+=$(printf "${separator//%/%%}%s" "$@")
  echo "${joined%"$separator"}"
}

check_shell() {
  need lint
  # The pieces without a first line of their own are looked at through what sources them.
  find . -path ./.git -prune -o -name 'bazel-*' -prune -o -type f -size -100k -print |
    xargs awk 'FNR == 1 && /^#!.*sh$/ { print FILENAME } { nextfile }' >"$work/scripts"
  expect "shellcheck" xargs -a "$work/scripts" shellcheck -x
}

# Those that come first in a source of their own are compiled alone there, by both compilers.
check_headers() {
  need build clang
  local compiler room
  mkdir -p "$work/include/gyre"
  for room in runtime io net fs; do
    ln -sfn "$PWD/$room" "$work/include/gyre/$room"
    find "$room" -name '*.h'
  done | while read -r header; do
    [ -e "${header%.h}.cc" ] || echo "$header"
  done >"$work/headers"
  for compiler in g++ clang++-19; do
    # Twice, so that a missing guard shows.
    expect "every header alone with $compiler" xargs -a "$work/headers" -P "$(nproc)" -I HEADER \
      "$compiler" -std=c++20 -Wall -Wextra -Werror -fsyntax-only -I "$work/include" \
      -include gyre/HEADER -include gyre/HEADER -x c++ /dev/null
  done
}

# Without the tests of the examples and of tools, which run unoptimised and under the sanitizers,
# and without the benchmarks, which the next part builds optimised.
check_gcc() {
  need build
  run_tests gcc "${again[@]}" --config=gcc --config=opt --config=werror \
    -- //... -//benchmarks/... -//tests/chat/... -//tests/examples/... -//tests/gdb/... \
    -//tests/http/... -//tests/kv/... -//tests/models/... -//tests/readme/...
}

# The library and its benchmarks, optimised. The sanitizers below build the rest with Clang, and its
# warnings.
check_clang() {
  need build clang
  run_tests clang "${again[@]}" --config=clang --config=opt --config=werror \
    //runtime/... //io/... //net/... //fs/... //benchmarks/... \
    //tests/runtime/... //tests/steady_state/... //tests/io:ten_million_posts_test
}

check_asan() {
  need build clang
  run_tests asan "${again[@]}" --config=asan --config=werror -- //... -//benchmarks/...
}

check_tsan() {
  need build clang
  run_tests tsan "${again[@]}" --config=tsan -- //... -//benchmarks/...
}

# What depends most on what a compiler makes of coroutines; the others have found nothing more.
tests_of_coroutines=(
  {async_generator,channel,coroutine_shapes,fiber,resume_on,scope}_test
  {select,submit_to,task,task_depth,task_group,when_all,when_any}_test
)

# A root of Debian testing that can't be made is the mirror's fault, and a warning; a test that
# fails in it is ours, and an error.
check_bazel7() {
  need bazel7
  if ! timeout --kill-after=30 600 tools/bazel7_root.sh --make >"$work/root" 2>&1; then
    cat "$work/root" >&2
    say "WARNING: Bazel 7 was not tried: its root can't be made, see above"
    return
  fi
  local status=0 root
  root=$(tools/bazel7_root.sh --path)
  # shellcheck disable=SC2016  # expanded by the inner shell
  tools/bazel7_root.sh sh -c '
    status=0
    bazel test --config=ci --config=system --config=again --keep_going \
      --test_env=GYRE_REQUIRE_IO_URING \
      --test_tag_filters=-exhaustive --build_event_json_file=/tmp/events.json \
      //runtime/... //io/... //net/... //fs/... //examples/... $* || status=$?
    rm -f /tmp/consumer_passed
    tests/consumer/run.sh --config=system && touch /tmp/consumer_passed
    bazel shutdown
    exit $status' sh "${tests_of_coroutines[@]/#/\/\/tests/runtime:}" || status=$?
  count_tests bazel7 "$status" "$root/tmp/events.json" "$root"
  expect "tests/consumer with Bazel 7" test -e "$root/tmp/consumer_passed"
}
