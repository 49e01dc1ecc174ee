#!/usr/bin/env bash
# Runs a command in a root of Debian testing, which has Bazel 7 and newer compilers and libraries.
# This tree is at /src there. As root:
#   tools/bazel7_root.sh --make         make the root, if it is not there yet
#   tools/bazel7_root.sh --path         say where it is
#   tools/bazel7_root.sh COMMAND...     e.g. bazel test --config=system //...
# End with `bazel shutdown` inside: a living server keeps the mounts.
set -euo pipefail

root=${GYRE_BAZEL7_ROOT:-/var/tmp/gyre-bazel7}
src=$(cd "$(dirname "$0")/.." && pwd)
suite=forky
packages=bazel-bootstrap,libasio-dev,libbenchmark-dev,libboost-context-dev,libcli11-dev
packages+=,libgmock-dev,libgtest-dev,libllhttp-dev,liburing-dev

fail() {
  echo "bazel7_root: $*" >&2
  exit 1
}

# Debian's archive as this machine's own apt sources name it.
mirror() {
  local uri list=(apt-get indextargets --format "\$(REPO_URI)" "Created-By: Packages")
  uri=$("${list[@]}" "Label: Debian" | sed q)
  # Without downloaded lists apt knows no label.
  [ -n "$uri" ] || uri=$("${list[@]}" | grep -E '/debian/?$' | sed q)
  [ -n "$uri" ] || fail "the apt sources of this machine name no Debian archive"
  echo "$uri"
}

make_root() {
  [ "$(cat "$root/made-with" 2>/dev/null)" != "$suite $packages" ] || return 0
  [ "$(id -u)" = 0 ] || fail "only root can make $root"
  local archive new=$root.new module
  archive=$(mirror)
  rm -rf --one-file-system "$new" "$root"
  trap 'rm -rf --one-file-system "$new"' EXIT
  # A mirror may lag behind the week for which testing's index is valid.
  mmdebstrap --quiet --variant=apt \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --aptopt='APT::Install-Recommends "false"' \
    --include="$packages" "$suite" "$new" "$archive"
  mkdir -p "$new/src"
  # Modules that Bazel itself names but a C++ build never loads.
  for module in apple_support buildozer protobuf zlib; do
    mkdir -p "$new/opt/stub/$module"
    echo "module(name = \"$module\")" >"$new/opt/stub/$module/MODULE.bazel"
    : >"$new/opt/stub/$module/BUILD.bazel"
    echo "common --override_module=$module=/opt/stub/$module"
  done >"$new/etc/bazel.bazelrc"
  echo "$suite $packages" >"$new/made-with"
  mv "$new" "$root"
  trap - EXIT
}

run_inside() {
  exec 9>"$root.lock"
  flock 9 # one tree at a time can be at /src
  # The mounts live in a namespace of their own and go away with the command.
  # shellcheck disable=SC2016  # expanded by the inner shells
  exec unshare --mount sh -eu -c '
    root=$1 src=$2
    shift 2
    mount --bind "$src" "$root/src"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount --rbind /sys "$root/sys"
    exec chroot "$root" env HOME=/root sh -c '\''cd /src && exec "$@"'\'' sh "$@"
  ' sh "$root" "$src" "$@"
}

case ${1-} in
  --path) echo "$root" ;;
  --make) make_root ;;
  "") fail "a command is missing, e.g. bazel test --config=system //..." ;;
  *)
    make_root >&2
    run_inside "$@"
    ;;
esac
