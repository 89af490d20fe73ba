#!/bin/sh
# Makes the Debian package of a built tree, unpacks it, and tries what is in it. usage: package_test.sh BUILD_FOLDER
set -eu
command -v dpkg-shlibdeps >/dev/null || { echo "dpkg-dev is not installed"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
(cd "$1" && cpack -G DEB -B "$scratch/made" >"$scratch/log" 2>&1) || { cat "$scratch/log"; exit 1; }
package=$(ls "$scratch"/made/*.deb)
dpkg-deb -I "$package"
dpkg-deb -I "$package" | grep -q '^ Depends: .*libhdf5' || { echo "the package names no libraries"; exit 1; }
dpkg-deb -x "$package" "$scratch/root"
cd "$scratch/root/usr"
for file in bin/orrery share/man/man1/orrery.1 share/doc/orrery/copyright share/bash-completion/completions/orrery \
  share/zsh/vendor-completions/_orrery share/fish/vendor_completions.d/orrery.fish \
  share/orrery/scenarios/library/deepseek-v3.toml share/orrery/topologies/catalog/gpu/h800.toml \
  share/orrery/models/transformer/configs/deepseek-v3.json share/orrery/models/kernels/families/dualpipe_trace.json; do
  [ -s "$file" ] || { echo "$file is not in the package, or empty"; exit 1; }
done
bash -n share/bash-completion/completions/orrery
bin/orrery --version
bin/orrery check share/orrery/scenarios/library/deepseek-v3.toml
for verb in run show check list explain schedule completion; do
  grep -q "^\.SS $verb\$" share/man/man1/orrery.1 || { echo "the manual page lacks $verb"; exit 1; }
done
if command -v man >/dev/null; then
  warnings=$(MANWIDTH=100 man --warnings -l share/man/man1/orrery.1 2>&1 >/dev/null) || true
  [ -z "$warnings" ] || { echo "$warnings"; exit 1; }
fi
