#!/bin/sh
# Runs every command of README's ```sh blocks in a scratch folder, except blocks marked `skip` (tests/run would run
# itself). usage: docs_test.sh SOURCE_ROOT ORRERY_BINARY
set -eu
root=$1 binary=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/bin"
ln -s "$binary" "$scratch/bin/orrery"
PATH="$scratch/bin:$PATH"
cd "$scratch"
awk '/^```sh$/ {on=1; next} /^```/ {on=0} on' "$root/README.md" | sed 's/ *#.*//' > commands
count=0
while IFS= read -r line; do
  [ -n "$line" ] || continue
  case "$line" in
    scenarios/run*) line="$binary run deepseek-v3" ;;  # The script itself is tested on a fresh clone by .ci/run.
  esac
  echo "README: $line"
  sh -c "$line" > output 2>&1 < /dev/null || { cat output; echo "README's command failed: $line"; exit 1; }
  count=$((count + 1))
done < commands
[ "$count" -ge 10 ] || { echo "only $count commands found in README"; exit 1; }
echo "$count commands of README passed"
