#!/usr/bin/env bash
# simd_symbols_test.sh ISA OBJECT...: the objects compiled for instruction set v2, v3 or v4 define no weak symbol outside the namespace of
# that name (or, for the SIMD library, xsimd_v2 and so on). A weak symbol (an inline function, an instantiated template) exists once in a program: compiled with AVX-512 here, it could
# replace the copy that other files use, and the program would stop on a machine without.
set -euo pipefail
isa=$1
shift
if (($# == 0)); then
  echo "no object files for $isa"
  exit 0
fi
leaked=$(for object in "$@"; do nm --defined-only "$object"; done | awk '$2 ~ /^[WVu]$/ && $3 !~ /^DW\.ref\./ {print $3}' | sort -u | c++filt | grep -vE "(^|[^a-z_0-9])(xsimd_)?$isa::" || true)
if [[ -n $leaked ]]; then
  echo "weak symbols of the $isa objects that are not in namespace $isa (mark the functions always_inline, or move them into the namespace):"
  echo "$leaked"
  exit 1
fi
echo "$# objects, no weak symbol outside namespace $isa"
