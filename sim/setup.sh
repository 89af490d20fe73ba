# Sourced by scenarios/run and tests/run: brings a fresh Debian 12, 13 or Ubuntu 24.04 to where cmake works.
# Calls apt only when something is missing; never downloads anything else.
set -eu

orrery_packages="g++ cmake ninja-build pkg-config libboost-graph-dev libeigen3-dev libhdf5-dev libtbb-dev libcli11-dev \
libtomlplusplus-dev nlohmann-json3-dev libfmt-dev libprotozero-dev zlib1g-dev"
orrery_test_packages="libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev python3 python3-h5py netcdf-bin protobuf-compiler"

orrery_install() {
  missing=""
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
  done
  [ -z "$missing" ] && return 0
  if ! command -v apt-get >/dev/null; then
    echo "orrery needs these Debian packages:$missing" >&2
    exit 1
  fi
  as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "orrery needs packages; run: sudo apt-get install -y --no-install-recommends$missing" >&2
      exit 1
    fi
    as_root="sudo"
  fi
  echo "installing$missing" >&2
  $as_root apt-get update -qq >&2
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $missing >&2
}

orrery_build() {  # DIRECTORY PRESET TARGET...
  source=$1 preset=$2
  shift 2
  build="$source/build/$preset"
  [ -f "$build/build.ninja" ] || (cd "$source" && cmake --preset "$preset" >"$source/build.log" 2>&1) || {
    cat "$source/build.log" >&2
    exit 1
  }
  rm -f "$source/build.log"
  ninja -C "$build" --quiet "$@" >&2
}
