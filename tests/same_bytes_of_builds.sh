#!/bin/sh
# Builds the program anew with g++ in debug and with clang++ in release, and compares every file that a run leaves with
# those of the given binary. usage: same_bytes_of_builds.sh SOURCE_ROOT ORRERY_BINARY
set -eu
root=$1 binary=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
scenarios="deepseek-v3 zero-bubble-6.2b-1f1b"
run_all() {  # BINARY FOLDER
  for name in $scenarios; do "$1" run "$name" -q --trace 0 --out "$2/$name"; done
}
run_all "$binary" "$scratch/here"
for build in g++:Debug clang++:Release; do
  compiler=${build%:*}
  command -v "$compiler" >/dev/null || { echo "no $compiler here: not compared"; continue; }
  cmake -S "$root" -B "$scratch/$compiler" -G Ninja -DCMAKE_BUILD_TYPE="${build#*:}" -DCMAKE_CXX_COMPILER="$compiler" \
    >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
  ninja -C "$scratch/$compiler" orrery >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
  run_all "$scratch/$compiler/orrery" "$scratch/there"
  diff -r "$scratch/here" "$scratch/there" || { echo "$build: other bytes"; exit 1; }
  rm -rf "$scratch/there"
  echo "$build: the same bytes"
done
