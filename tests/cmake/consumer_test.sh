#!/usr/bin/env bash
# consumer_test.sh installed|subdirectory CMAKE SOURCE BUILD: builds examples/ in a temporary folder, away from mica's tree, and runs its programs.
#   installed      against `cmake --install` of the shared library in BUILD, through find_package and through pkg-config; also README's program
#   subdirectory   with mica as a part of the project (static), then against that static mica installed
set -euo pipefail
mode=$1 cmake=$2 source=$3 build=$4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# ccache, where there is one, then finds the objects again though the folder has another name each time.
export CCACHE_BASEDIR=$folder CCACHE_NOHASHDIR=1
cp -r "$source/examples" "$folder/examples"
cd "$folder"  # the programs write their networks here
export OMP_WAIT_POLICY=passive

# What mica in BUILD has.
has_cuda=$(awk '$2 == "MICA_HAS_CUDA" {print $3}' "$build/include/mica/core/config.h")
emulated=$(awk '$2 == "MICA_EMULATED" {print $3}' "$build/include/mica/core/config.h")
cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }

# consume NAME SETTING...: configures and builds the examples, and runs the consumer, the module of one's own, and
# the program with kernels of its own where mica has CUDA.
consume() {
  local name=$1
  shift
  echo "--- consumer: $name"
  "$cmake" -S examples -B "$name" -G Ninja "$@"
  "$cmake" --build "$name"
  "$name/consumer"
  "$name/block"
  if [[ $has_cuda == 0 ]]; then
    [[ ! -e $name/embed ]]
  elif [[ $emulated == 1 ]] || nvidia-smi -L 2>/dev/null | grep -q GPU; then
    MICA_EMULATOR_GUARD=1 "$name/embed"
  else
    [[ -x $name/embed ]]
    echo "embed is built; there is no GPU to run it on"
  fi
}

# README's C++ is the examples', word for word: the whole program, and a part of another.
readme() {
  local block count=0
  while IFS= read -r -d '' block; do
    count=$((count + 1))
    block=${block%$'\n'}  # $(...) has no last newline either
    if [[ $(cat "$source"/examples/*/main.cpp) != *"$block"* ]]; then
      echo "README.md has C++ that no program in examples/ has:"
      echo "$block"
      exit 1
    fi
  done < <(awk '/^```cpp$/ {inside = 1; next} inside && /^```$/ {inside = 0; printf "%c", 0; next} inside' "$source/README.md")
  ((count == 2)) || { echo "README.md has $count blocks of C++, not 2"; exit 1; }
  [[ $(awk '/^```cpp$/ {++n; next} /^```$/ {if (n == 1) exit} n == 1' "$source/README.md") == "$(cat "$source/examples/train_digits/main.cpp")" ]] || {
    echo "README.md's program is not examples/train_digits/main.cpp"
    exit 1
  }
}

# Users of the shared library need none of the packages mica is built from.
hide=()
for package in spdlog fmt nlohmann_json ZLIB PNG OpenMP Threads CLI11 GTest; do hide+=("-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON"); done

case $mode in
  installed)
    "$cmake" --install "$build" --prefix "$folder/prefix" >"$folder/install.log"
    readme
    consume find_package -DCMAKE_PREFIX_PATH="$folder/prefix" "${hide[@]}"
    find_package/train_digits | tee accuracy
    awk '{exit !($3 >= 0.95)}' accuracy
    [[ -s digits.safetensors ]]
    if command -v pkg-config >/dev/null; then
      echo "--- consumer: pkg-config"
      pc=$(dirname "$(find "$folder/prefix" -name mica.pc)")
      read -ra flags <<<"$(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs mica)"
      "${CXX:-g++}" -std=c++20 examples/consumer/main.cpp -o consumer_pc "${flags[@]}"
      LD_LIBRARY_PATH=$(dirname "$pc") ./consumer_pc
    fi
    ;;
  subdirectory)
    launcher=()
    if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
    consume add_subdirectory -DMICA_SOURCE="$source" -DMICA_INSTALL=ON -DMICA_CUDA="$(cached MICA_CUDA)" -DMICA_CUDA_ARCHITECTURES="$(cached MICA_CUDA_ARCHITECTURES)" "${launcher[@]}"
    "$cmake" --install "$folder/add_subdirectory" --prefix "$folder/prefix" >"$folder/install.log"
    consume find_package_static -DCMAKE_PREFIX_PATH="$folder/prefix"
    ;;
  *)
    echo "consumer_test.sh takes installed or subdirectory, not $mode"
    exit 2
    ;;
esac
