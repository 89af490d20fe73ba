#!/bin/sh
# Runs every command of README's ```sh blocks in a scratch folder, and wants exit code 0, or N where "# exit N" is
# written behind it. Blocks marked ```sh skip are passed over (tests/run would run itself), and `scenarios/run` stands
# for the program that it builds. usage: docs_test.sh SOURCE_ROOT ORRERY_BINARY
set -eu
root=$1 binary=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/bin"
ln -s "$binary" "$scratch/bin/orrery"
PATH="$scratch/bin:$PATH"
cd "$scratch"
awk '/^```sh$/ {on=1; next} /^```/ {on=0} on' "$root/README.md" > commands
count=0
while IFS= read -r line; do
  wanted=$(printf '%s\n' "$line" | sed -n 's/.*# exit \([0-9]*\).*/\1/p')
  command=$(printf '%s\n' "$line" | sed -e 's/ *#.*//' -e 's,^scenarios/run$,orrery run deepseek-v3,' \
    -e 's,^scenarios/run ,orrery run ,')
  [ -n "$command" ] || continue
  code=0
  sh -c "$command" > output 2>&1 < /dev/null || code=$?
  echo "$command: exit $code"
  [ "$code" -eq "${wanted:-0}" ] || { cat output; echo "README's command failed, wanted exit ${wanted:-0}"; exit 1; }
  count=$((count + 1))
done < commands
[ "$count" -ge 10 ] || { echo "only $count commands found in README"; exit 1; }
echo "$count commands of README passed"
