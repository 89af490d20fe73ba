# Sourced by scenarios/run, tests/run and .ci/run: brings a fresh Debian 12, 13 or Ubuntu 24.04 to where cmake works.
# Calls apt only when something is missing; never downloads anything else.
set -eu

orrery_packages="g++ cmake ninja-build pkg-config libboost-dev libhdf5-dev libtbb-dev libcli11-dev libtomlplusplus-dev \
nlohmann-json3-dev libfmt-dev libprotozero-dev libeigen3-dev"
orrery_test_packages="libgtest-dev libgmock-dev librapidcheck-dev libsimgrid-dev libbenchmark-dev python3 python3-h5py \
netcdf-bin protobuf-compiler ibsim-utils infiniband-diags opensm libopenmpi-dev openmpi-bin"

orrery_install() {  # PACKAGE...
  missing=""
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
  done
  [ -z "$missing" ] && return 0
  if ! command -v apt-get >/dev/null; then
    echo "orrery needs these Debian packages, or what they hold:$missing" >&2
    exit 1
  fi
  as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
      echo "orrery needs packages; run: sudo apt-get install -y --no-install-recommends$missing" >&2
      exit 1
    fi
    as_root="sudo -n"
  fi
  echo "installing$missing" >&2
  $as_root apt-get update -qq >&2 || echo "apt-get update failed; going on with the lists at hand" >&2
  # shellcheck disable=SC2086
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
}

orrery_build() {  # SOURCE_ROOT PRESET TARGET...
  source=$1 preset=$2
  shift 2
  build="$source/build/$preset"
  mkdir -p "$build"
  if ! [ -f "$build/build.ninja" ]; then
    echo "building $preset for the first time: some minutes" >&2
    (cd "$source" && cmake --preset "$preset") >"$build/configure.log" 2>&1 || {
      cat "$build/configure.log" >&2
      rm -f "$build/build.ninja"
      exit 1
    }
  fi
  ninja -C "$build" --quiet "$@" >&2
}
