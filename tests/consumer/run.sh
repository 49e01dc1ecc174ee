#!/bin/sh
# Builds and runs the program of this workspace, and looks at what it prints. Arguments go to Bazel.
set -eu
cd "$(dirname "$0")"
gyre=$(cd ../.. && pwd)

# With Bzlmod and the system's libraries, liburing is gyre's stand-in for its module.
for argument; do
  if [ "$argument" = --config=system ]; then
    set -- "$@" --override_module=liburing="$gyre/bazel/system/liburing"
  fi
done

trap 'bazel shutdown' EXIT
printed=$(bazel run --symlink_prefix=/ "$@" //:ping)
if [ "$printed" != "ping" ]; then
  echo "the program printed '$printed', not 'ping'" >&2
  exit 1
fi
