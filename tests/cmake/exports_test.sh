#!/usr/bin/env bash
# exports_test.sh LIBRARY: every symbol that the shared library exports is in namespace mica.
set -euo pipefail
library=$1

# Without parameters (-p) a demangled name is only the name: no return type, which would come first for a template.
names=$(nm -D --defined-only "$library" | awk '{print $NF}' | c++filt -p | sort -u)
count=$(grep -c . <<<"$names" || true)
if ((count == 0)); then
  echo "$library exports nothing"
  exit 1
fi
about='(typeinfo|typeinfo name|vtable|VTT|construction vtable|guard variable|non-virtual thunk|virtual thunk|TLS init function|TLS wrapper function)'
if foreign=$(grep -vE "^($about (for|to) )?mica::" <<<"$names"); then
  echo "$library exports symbols outside namespace mica:"
  echo "$foreign"
  exit 1
fi
echo "$count exported names, all in namespace mica"
