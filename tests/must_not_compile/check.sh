#!/bin/sh
# usage: check.sh COMPILER SOURCE_ROOT
# Each file of this folder must compile as it is, and must not with WRONG defined.
set -eu
compiler=$1
root=$2
failures=0
count=0
for file in "$root"/tests/must_not_compile/*.cpp; do
  count=$((count + 1))
  if ! "$compiler" -std=c++20 -fsyntax-only -I "$root" "$file"; then
    echo "$file: does not compile even without WRONG"
    failures=$((failures + 1))
  fi
  if "$compiler" -std=c++20 -fsyntax-only -I "$root" -DWRONG "$file" 2>/dev/null; then
    echo "$file: compiles with WRONG"
    failures=$((failures + 1))
  fi
done
echo "$count files, $failures failures"
[ "$count" -gt 0 ] && [ "$failures" -eq 0 ]
