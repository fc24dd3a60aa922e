#!/bin/sh
# Installs what building and testing ddim needs on Debian (12 and 13 were tried); does nothing when all is there.
# As root or by sudo; otherwise prints the one line to run and exits 1.
#   scripts/setup.sh [PACKAGE ...]      installs these packages too
#   scripts/setup.sh --torture          and what some rows of docs/reliability.md need
#   scripts/setup.sh --libraries        prints which libraries it would install
#   scripts/setup.sh --cuda             puts NVIDIA's compiler into .cuda (about 300 MB), for kernels on GPUs
set -eu

if [ "${1:-}" = --cuda ]; then
  cd "$(dirname "$0")/.."
  [ -x .cuda/bin/pip ] || python3 -m venv .cuda || {
    echo "setup: python3 cannot make virtual environments; run as root: apt-get install python3-venv" >&2
    exit 1
  }
  exec .cuda/bin/pip install -q nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 \
    nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85 nvidia-cuda-cuobjdump==13.2.51 nvidia-cuda-nvdisasm==13.2.51
fi

tools="make cmake ninja-build g++"
libraries="libdnnl-dev ocl-icd-opencl-dev libhwy-dev libfmt-dev
  nlohmann-json3-dev libeigen3-dev libtomlplusplus-dev libpng-dev libjpeg-dev zlib1g-dev
  libcurl4-openssl-dev libssl-dev libboost-dev libwebp-dev libgif-dev libtiff-dev libyaml-cpp-dev libgtest-dev libgmock-dev libbenchmark-dev"
mpi="libopenmpi-dev openmpi-bin"
if [ "${1:-}" = --libraries ]; then
  echo $libraries
  exit 0
fi
if [ "${1:-}" = --torture ]; then
  shift
  set -- python3 curl wrk slowhttptest valgrind gcovr clang "$@"
fi
packages="$tools $libraries $mpi $*"

if ! command -v dpkg-query >/dev/null; then
  echo "setup: this is no Debian; ddim needs the equivalents of:" $packages >&2
  exit 0 # CMake names what is missing
fi

# Installed as "make" or, on machines with several architectures, as "libfmt-dev:amd64".
installed=$(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' $packages 2>/dev/null |
  sed -n 's/^ii *//p' || true)
missing=""
for package in $packages; do
  echo "$installed" | grep -qx -- "$package" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
  sudo=""
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
  sudo="sudo"
else
  echo "setup: some packages are missing and there is neither root nor sudo. Please run as root:" >&2
  echo "  apt-get update && $install" >&2
  exit 1
fi

echo "setup: installing$missing"
$sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q
$sudo env DEBIAN_FRONTEND=noninteractive $install
