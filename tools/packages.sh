# shellcheck shell=bash
# The Debian packages each command needs, and their installation.
# Sourced by ./dev.

# What builds and tests the tree. Bazel's own rules are packages of their own.
packages_build() {
  if ! command -v bazel >/dev/null || installed bazel-bootstrap; then
    echo bazel-bootstrap bazel-platforms bazel-rules-java bazel-rules-proto
  fi
  command -v g++ >/dev/null || echo g++
  command -v python3 >/dev/null || echo python3
  echo libasio-dev libbenchmark-dev libboost-context-dev libcli11-dev libgmock-dev libgtest-dev
  echo liburing-dev pkg-config relacy-dev systemtap-sdt-dev
  # Clients for a test of examples/kv.
  echo redis-tools
  # llhttp became a library of its own after Debian 12.
  if [ -e /usr/include/llhttp.h ] || apt-cache show libllhttp-dev >/dev/null 2>&1; then
    echo libllhttp-dev
  else
    echo node-llhttp
  fi
}

packages_clang() {
  echo clang-19 libclang-rt-19-dev lld-19 llvm-19
}

packages_gdb() {
  echo gdb
}

packages_format() {
  echo clang-format-19
}

packages_lint() {
  echo shellcheck
}

packages_bench() {
  echo strace
}

packages_bazel7() {
  echo mmdebstrap
}

installed() {
  dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# need <list>...: installs what is missing of packages_<list>, without a question.
need() {
  local missing
  if ! command -v dpkg-query >/dev/null; then
    command -v bazel >/dev/null ||
      die "this system has neither Debian's packages nor bazel; install Bazel 7 or newer," \
        "g++ 12 or newer, python3, llhttp, redis-cli and redis-benchmark"
    return 0
  fi
  missing=$(missing_of "$@")
  [ -n "$missing" ] || return 0
  [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null ||
    die "not root, and no sudo without a password; as root: apt-get install $missing"
  say "installing for '$command': $missing"
  as_root apt-get update -qq ||
    say "apt-get update failed; going on with the package lists that are here"
  # The lists are fresh now, and with them what the newest package is called.
  missing=$(missing_of "$@")
  local start=$SECONDS
  # shellcheck disable=SC2086  # a list of words
  as_root apt-get install -y -qq --no-install-recommends \
    -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    $missing >"$work/apt" 2>&1 ||
    { cat "$work/apt" >&2; die "could not install: $missing"; }
  say "installed in $((SECONDS - start)) s"
}

missing_of() {
  local list package
  for list in "$@"; do
    for package in $("packages_$list"); do
      installed "$package" || echo "$package"
    done
  done | sort -u | tr '\n' ' '
}

as_root() {
  local sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo -n)
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive "$@"
}
