#!/usr/bin/env bash
# clang_check.sh BUILD: clang 16 reads every source, and every public header alone, with warnings as errors. BUILD is a configured tree.
set -Eeuo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/tools/common.sh"
build=${1:?clang_check.sh takes a configured build tree, for example build/cpu}
include=$(cd "$build/include" && pwd)
cd "$root"

check=(clang++-16 -fsyntax-only -std=c++20 -Wall -Wextra -Werror -I "$include" '-DMICA_GOLDEN_DIR=""' '-DMICA_OPS_DIR=""')
advice="correct what clang says above"

mapfile -t sources < <(find . -name '*.cpp' -not -path './build*' -not -path './cpu/simd/*' -not -path './tools/peer/torch_cpp.cpp' -not -path './tools/peer/cudnn_apis.cpp' -not -path './tests/cmake/dataset_errors.cpp' -not -path './tests/emulator/*' -not -path './cuda/*' | sort)
mapfile -t simd < <(find ./cpu/simd -name '*.cpp' | sort)
mapfile -t headers < <(sed -n 's/^#include <\(.*\)>$/\1/p' "$include/mica/mica.h")
say "clang: ${#sources[@]} sources, ${#simd[@]} SIMD sources for three instruction sets, ${#headers[@]} public headers alone"

{
  for file in "${sources[@]}"; do printf '%s\0' "$file"; done
} | xargs -0 -r -n 4 -P "$(nproc)" "${check[@]}"
for isa in v2 v3 v4; do
  for file in "${simd[@]}"; do printf '%s\0' "$file"; done | xargs -0 -r -n 4 -P "$(nproc)" "${check[@]}" "-march=x86-64-$isa" "-DMICA_ISA=$isa" "-Dxsimd=xsimd_$isa"
done
# -include instead of naming the header as the source: `#pragma once in main file` is a warning.
for header in "${headers[@]}"; do printf '%s\0' "$header"; done | xargs -0 -r -I{} -P "$(nproc)" "${check[@]}" -include {} -x c++ /dev/null
echo "clang has nothing to say"
