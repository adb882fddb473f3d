#!/usr/bin/env bash
# configure_test.sh CMAKE SOURCE: settings that cannot work are refused by a sentence.
set -euo pipefail
cmake=$1 source=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# refused WORDS SETTING...: configuring with these settings fails and says WORDS.
refused() {
  local words=$1
  shift
  rm -rf "$folder/build"
  if "$cmake" -S "$source" -B "$folder/build" -G Ninja "$@" >"$folder/log" 2>&1; then
    echo "configuring with $* succeeded; expected: $words"
    exit 1
  fi
  if ! tr -s ' \n' ' ' <"$folder/log" | grep -qF "$words"; then
    echo "configuring with $* did not say: $words"
    cat "$folder/log"
    exit 1
  fi
  echo "refused as it should be: $*"
}

refused "CUDA" -DMICA_CUDA=on -DCMAKE_CUDA_COMPILER=/nonexistent/nvcc
refused "MICA_CUDA is 'perhaps'; it takes auto, on, off or emulated" -DMICA_CUDA=perhaps
refused "MICA_SANITIZE is 'memory'; it takes address, thread or nothing" -DMICA_SANITIZE=memory
refused "mica needs spdlog. On Debian: apt-get install libspdlog-dev" -DCMAKE_DISABLE_FIND_PACKAGE_spdlog=ON
refused "MICA_FUZZ needs clang" -DMICA_FUZZ=ON -DCMAKE_CXX_COMPILER=g++
mkdir -p "$folder/toolkit/include"  # NVIDIA's headers without cuDNN's
refused "MICA_CUDA is emulated, which needs cudnn.h, cublasLt.h; not found." -DMICA_CUDA=emulated -DMICA_CUDA_INCLUDE="$folder/toolkit/include" \
  -DMICA_PYTHON=/nonexistent -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF
