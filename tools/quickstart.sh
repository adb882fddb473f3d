#!/usr/bin/env bash
# From a checkout to a trained network: installs what is missing, builds build/bin/mica, trains a ResNet on the embedded digits.
set -Eeuo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/tools/common.sh"

help() {
  cat <<END
usage: tools/quickstart.sh [--no-train] [--help] [-- OPTIONS OF mica train]

Installs the Debian packages mica is built from where they are missing (as root; otherwise it prints the line to run), configures and builds
build/bin/mica, and trains a ResNet on the embedded handwritten digits. On Debian 12 nothing else is needed.

  --no-train   only install and build
  -- ...       options for mica train, for example: -- --model lenet5 --epochs 5
END
}

train=1
while (($#)); do
  case $1 in
    --no-train) train=0 ;;
    -h | --help)
      help
      exit
      ;;
    --)
      shift
      break
      ;;
    *) stop "there is no option $1. What there is: tools/quickstart.sh --help" ;;
  esac
  shift
done
cd "$root"

need_packages "${packages_build[@]}"

say "configuring (build/)"
advice="read CMake's message above; if the folder build/ comes from another setup, remove it and start again"
settings=(-DCMAKE_BUILD_TYPE=Release)
if [[ ! -e build/CMakeCache.txt ]]; then settings+=(-G Ninja -DMICA_TESTS=OFF); fi
if [[ ! -e /dev/nvidiactl ]]; then settings+=(-DMICA_CUDA=off); fi  # without a GPU its kernels would be built for nothing
cmake -S . -B build "${settings[@]}"

say "building build/bin/mica with $(nproc) jobs"
advice="read the compiler's message above; with less than 4 GiB of memory, build with fewer jobs: cmake --build build --target mica_program -j1"
cmake --build build --target mica_program -j"$(nproc)"

if ((train)); then
  say "training: build/bin/mica train $*"
  advice="see build/bin/mica train --help"
  build/bin/mica train "$@"
fi
say "done. Next: build/bin/mica --help; the tests: tools/test.sh"
