#!/usr/bin/env bash
# consumer_test.sh installed|subdirectory CMAKE SOURCE BUILD: builds examples/consumer in a temporary folder, away from mica's tree, and runs it.
#   installed      against `cmake --install` of the shared library in BUILD, through find_package and through pkg-config
#   subdirectory   with mica as a part of the project (static), then against that static mica installed
set -euo pipefail
mode=$1 cmake=$2 source=$3 build=$4
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# ccache, where there is one, then finds the objects again though the folder has another name each time.
export CCACHE_BASEDIR=$folder CCACHE_NOHASHDIR=1
cp -r "$source/examples/consumer" "$folder/consumer"

# consume NAME SETTING...: configures, builds and runs the consumer.
consume() {
  local name=$1
  shift
  echo "--- consumer: $name"
  "$cmake" -S "$folder/consumer" -B "$folder/$name" -G Ninja "$@"
  "$cmake" --build "$folder/$name"
  "$folder/$name/consumer"
}

# Users of the shared library need none of the packages mica is built from.
hide=()
for package in spdlog fmt nlohmann_json ZLIB PNG OpenMP Threads CLI11 GTest; do hide+=("-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON"); done

case $mode in
  installed)
    "$cmake" --install "$build" --prefix "$folder/prefix" >"$folder/install.log"
    consume find_package -DCMAKE_PREFIX_PATH="$folder/prefix" "${hide[@]}"
    if command -v pkg-config >/dev/null; then
      echo "--- consumer: pkg-config"
      pc=$(dirname "$(find "$folder/prefix" -name mica.pc)")
      read -ra flags <<<"$(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs mica)"
      "${CXX:-g++}" -std=c++20 "$folder/consumer/main.cpp" -o "$folder/consumer_pc" "${flags[@]}"
      LD_LIBRARY_PATH=$(dirname "$pc") "$folder/consumer_pc"
    fi
    ;;
  subdirectory)
    launcher=()
    if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
    consume add_subdirectory -DMICA_SOURCE="$source" -DMICA_INSTALL=ON "${launcher[@]}"
    "$cmake" --install "$folder/add_subdirectory" --prefix "$folder/prefix" >"$folder/install.log"
    consume find_package_static -DCMAKE_PREFIX_PATH="$folder/prefix"
    ;;
  *)
    echo "consumer_test.sh takes installed or subdirectory, not $mode"
    exit 2
    ;;
esac
