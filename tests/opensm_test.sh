#!/bin/sh
# A planned fabric of 2,048 hosts in InfiniBand's own tools, without hardware: exported for ibsim, discovered by
# ibnetdiscover, routed by OpenSM, and read back. Skipped (77) where the tools are not installed.
#   opensm_test.sh PATH_OF_ORRERY
set -eu
orrery=$1
PATH=$PATH:/usr/sbin
for tool in ibsim ibsim-run ibnetdiscover opensm; do
  command -v "$tool" >/dev/null || { echo "no $tool: skipped"; exit 77; }
done
folder=$(mktemp -d)
helpers=""
trap 'kill $helpers 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
fail() { echo "FAILED: $*"; exit 1; }

"$orrery" topology export multi-rail-fat-tree --format ibsim >fabric.net
mkfifo console
sleep 300 >console 2>/dev/null &  # ibsim wants an open standard input.
helpers=$!
ibsim -s -N 4096 -S 512 -P 65536 fabric.net <console >ibsim.log 2>&1 &
helpers="$helpers $!"
export SIM_HOST="node0 mlx5_0"
tries=0
until ibsim-run ibnetdiscover >fabric.txt 2>discover.log && grep -q '^Ca' fabric.txt; do
  tries=$((tries + 1))
  [ $tries -lt 30 ] || { cat ibsim.log discover.log; fail "ibsim does not answer"; }
  sleep 1
done
mkdir tables
timeout 100 ibsim-run opensm -o -e -R ftree -D 0x43 -f "$folder/opensm.log" --dump_files_dir "$folder/tables" \
  >opensm.out 2>&1 || true
[ -s tables/opensm-lfts.dump ] || { tail -20 opensm.out; fail "OpenSM wrote no tables"; }
ibsim-run ibnetdiscover >discovered.txt 2>/dev/null
sed 's/ 4xSDR/ 4xNDR/' discovered.txt >fabric.txt  # The simulator knows one speed.

# What was planned is what the tools found: every figure but the name.
"$orrery" topology show multi-rail-fat-tree --json | grep -v '"topology"' >planned.json
"$orrery" topology show fabric.txt --json | grep -v '"topology"' >found.json
diff planned.json found.json || fail "the fabric that was discovered is another one"
grep -q '"gpus": 2048' found.json || fail "2,048 GPUs"

# OpenSM's fat-tree engine spreads destinations over the spines as d-mod-k does: the shift pattern takes as long.
bench() {
  "$orrery" topology bench fabric.txt --set "cluster.routing=$1" --set cluster.forwarding=tables/opensm-lfts.dump \
    --collective all_to_all --algorithm pairwise --bytes 16MiB --json | sed -n 's/.*"time_s": \([0-9.e-]*\).*/\1/p'
}
tables=$(bench tables) static=$(bench static) ecmp=$(bench ecmp)
echo "pairwise all-to-all: tables $tables static $static ecmp $ecmp"
awk "BEGIN { exit !($tables < 1.02 * $static && $ecmp > 1.1 * $tables) }" || fail "routes of OpenSM"

# A dump that was cut short is met with what is missing.
head -c 3000000 tables/opensm-lfts.dump >cut.dump
code=0
"$orrery" topology show fabric.txt --set cluster.routing=tables --set cluster.forwarding=cut.dump 2>message || code=$?
[ $code -eq 2 ] && grep -q 'no entry on the way' message || { cat message; fail "a dump cut short: exit $code"; }
echo "passed"
