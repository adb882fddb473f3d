#!/usr/bin/env bash
# Gathers what building mica needs beyond a compiler, the CUDA toolkit, cuDNN and Python, for machines without a network.
set -Eeuo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/tools/common.sh"

help() {
  cat <<END
usage: tools/bundle_dependencies.sh [--out FILE] [--with-cmake] [--check [FILE]]

Packs headers, libraries, CMake packages and ninja of the Debian packages mica is built from (oneDNN, xsimd, spdlog, fmt, zlib, libpng, nlohmann-json,
CLI11, GoogleTest) into FILE (build/dependencies.tar.xz), below 60 MiB. Run it on a machine where they are installed. On the other machine (x86-64,
glibc 2.36 or newer, g++ 12.2 or newer, CMake 3.25 or newer):

  mkdir -p build/dependencies && tar -xf dependencies.tar.xz -C build/dependencies
  source build/dependencies/env.sh             # sets CMAKE_PREFIX_PATH, LD_LIBRARY_PATH and PATH (ninja)
  cmake --preset cuda && cmake --build --preset cuda -j16
  ctest --preset cuda

  --with-cmake  adds a Python wheel of CMake (pip download; 28 MiB): python3 -m pip install --no-index build/dependencies/wheels/cmake*.whl
  --check       unpacks FILE into a temporary folder, configures and builds the library, the program and the tests against it alone (without CMake's
                system paths, and with a look at every header that was read and every library that is loaded), and runs the tests of views.
                --configure-only stops after configuring
END
}

out=build/dependencies.tar.xz with_cmake=0 check=0 configure_only=0
while (($#)); do
  case $1 in
    --out) out=${2:?--out takes a file} && shift ;;
    --with-cmake) with_cmake=1 ;;
    --check)
      check=1
      if [[ -n ${2:-} && $2 != -* ]]; then out=$2 && shift; fi
      ;;
    --configure-only) configure_only=1 ;;
    -h | --help)
      help
      exit
      ;;
    *) stop "there is no option $1. What there is: tools/bundle_dependencies.sh --help" ;;
  esac
  shift
done
cd "$root"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
libraries=lib/x86_64-linux-gnu

if ((check)); then
  [[ -e $out ]] || stop "there is no $out; make it: tools/bundle_dependencies.sh --out $out"
  say "unpacking $out"
  prefix=$folder/prefix
  mkdir "$prefix"
  tar -xf "$out" -C "$prefix"
  # shellcheck source=/dev/null
  source "$prefix/env.sh"
  advice="read CMake's message above: what it does not find is missing in the bundle"
  launcher=()
  if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  cmake -S . -B "$folder/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMICA_CUDA=off -DCMAKE_MAKE_PROGRAM="$prefix/bin/ninja" ${launcher[@]+"${launcher[@]}"} \
    -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF -DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF
  foreign=$(sed -nE 's/^(MICA_DNNL_[A-Z]+|MICA_XSIMD_INCLUDE|spdlog_DIR|fmt_DIR|nlohmann_json_DIR|CLI11_DIR|GTest_DIR|ZLIB_[A-Z_]+|PNG_[A-Z_]+):[A-Z]+=(\/.*)$/\1 \2/p' "$folder/build/CMakeCache.txt" | grep -v " $prefix/" || true)
  if [[ -n $foreign ]]; then stop "these were found outside the bundle: $foreign"; fi
  if ((configure_only)); then
    say "mica is configured against the bundle alone"
    exit
  fi
  advice="read the compiler's message above"
  nice cmake --build "$folder/build" -j"$(nproc)" --target mica_program mica_test
  foreign=$("$prefix/bin/ninja" -C "$folder/build" -t deps | grep -oE '/usr/include/(spdlog|fmt|xsimd|oneapi|dnnl|nlohmann|CLI|gtest|gmock|libpng16|png|zlib|zconf)[^ ]*' | sort -u || true)
  if [[ -n $foreign ]]; then stop "these headers were read from the system in place of the bundle: $foreign"; fi
  foreign=$(ldd "$folder/build/lib/libmica.so" "$folder/build/bin/mica_test" "$folder/build/bin/mica" | grep -E 'dnnl|spdlog|fmt|libpng|libz\.|OpenCL|gtest|gmock' | grep -v "=> $prefix/" || true)
  if [[ -n $foreign ]]; then stop "these libraries are loaded from outside the bundle: $foreign"; fi
  advice="read the test's message above"
  "$folder/build/bin/mica_test" --gtest_brief=1 --gtest_filter='AnyShape.*:View.*:Cat.*'
  say "mica is built against the bundle alone"
  exit
fi

need_packages "${packages_build[@]}" "${packages_test[@]}"
packages=(libdnnl-dev libxsimd-dev libspdlog-dev libfmt-dev zlib1g-dev libpng-dev nlohmann-json3-dev libcli11-dev libgtest-dev libgmock-dev)
advice="install the package named above"
say "gathering ${packages[*]}"
mkdir -p "$folder/bin" "$folder/share/licenses"
for package in "${packages[@]}"; do
  dpkg-query -L "$package" | grep -E '^/usr/(include/|lib/x86_64-linux-gnu/cmake/|share/cmake/|lib/x86_64-linux-gnu/lib[^/]*\.(so|a)$)' | while read -r file; do
    if [[ -d $file || $file == */libz.a || $file == */libpng*.a ]]; then continue; fi
    mkdir -p "$folder/$(dirname "${file#/usr/}")"
    cp -P "$file" "$folder/${file#/usr/}"
  done
  if [[ -e /usr/share/doc/$package/copyright ]]; then cp -L "/usr/share/doc/$package/copyright" "$folder/share/licenses/$package"; fi
done
# What the links point to, and what those libraries load; a compiler brings the C and C++ libraries and libgomp.
for link in "$folder/$libraries"/*.so; do
  file=$(readlink -f "/usr/$libraries/$(basename "$link")")
  ldd "$file" | sed -nE 's/^\s*(lib\S+) => (\/\S+) .*/\1 \2/p' | grep -vE '^(libc|libm|libstdc\+\+|libgcc_s|libgomp|libpthread|libdl|librt)\.' >>"$folder/needed" || true
  soname=$(objdump -p "$file" | sed -nE 's/^ *SONAME +(\S+)/\1/p')
  echo "$soname $file" >>"$folder/needed"
done
sort -u "$folder/needed" | while read -r name file; do
  rm -f "$folder/$libraries/$name"
  cp -L "$file" "$folder/$libraries/$name"
done
rm "$folder/needed"
for link in "$folder/$libraries"/*.so; do  # libz.so -> /lib/...: the links become ones within the folder
  soname=$(objdump -p "$(readlink -f "/usr/$libraries/$(basename "$link")")" | sed -nE 's/^ *SONAME +(\S+)/\1/p')
  ln -sf "$soname" "$link"
done
for file in "$folder/$libraries"/lib*.so.*; do  # CMake's packages name the whole version: libspdlog.so.1.10.0
  real=$(basename "$(readlink -f "/usr/$libraries/$(basename "$file")" 2>/dev/null || readlink -f "/$libraries/$(basename "$file")")")
  if [[ ! -e $folder/$libraries/$real ]]; then ln -s "$(basename "$file")" "$folder/$libraries/$real"; fi
done
cp -L "$(command -v ninja)" "$folder/bin/ninja"
cat >"$folder/env.sh" <<'END'
# shellcheck shell=bash
# To be sourced: CMake finds this folder's packages first, and programs its libraries.
mica_dependencies=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export CMAKE_PREFIX_PATH="$mica_dependencies${CMAKE_PREFIX_PATH:+:$CMAKE_PREFIX_PATH}"
export LD_LIBRARY_PATH="$mica_dependencies/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
if ! command -v ninja >/dev/null; then export PATH="$mica_dependencies/bin:$PATH"; fi
unset mica_dependencies
END
if ((with_cmake)); then
  advice="check the network: pip downloads CMake's wheel"
  python3 -m pip download -q --no-deps --only-binary=:all: --platform manylinux2014_x86_64 -d "$folder/wheels" cmake
fi

mkdir -p "$(dirname "$out")"
tar -C "$folder" -cf - . | xz -T1 -6 >"$out.part"
mv "$out.part" "$out"
bytes=$(stat -c %s "$out")
if ((bytes >= 60 * 1024 * 1024)); then stop "$out has $bytes bytes; it must stay below 60 MiB (leave out --with-cmake)"; fi
say "$out: $(awk -v b="$bytes" 'BEGIN {printf "%.1f", b / 1048576}') MiB. tools/bundle_dependencies.sh --check $out tries it; --help says how to use it"
