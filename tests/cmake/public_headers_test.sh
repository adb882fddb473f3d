#!/usr/bin/env bash
# public_headers_test.sh HEADER...: public headers include the standard library and mica only, and define no macro but mica's own.
set -euo pipefail
failed=0

complain() {
  echo "$1"
  failed=1
}

for header in "$@"; do
  grep -q '^#pragma once' "$header" || complain "$header: has no #pragma once"
  # Standard headers have neither a slash nor a dot in their names; <mica/...> is ours.
  if lines=$(grep -nE '^[[:space:]]*#[[:space:]]*include' "$header" | grep -vE '<[a-z_0-9]+>|["<]mica/'); then
    complain "$header: includes something else than the standard library and mica: $lines"
  fi
  if lines=$(grep -nE '["<]mica/.*_internal\.h|["<]mica/(cpu|cuda|tools|tests)/' "$header"); then
    complain "$header: includes a header that is not installed: $lines"
  fi
  if lines=$(grep -nE '^[[:space:]]*#[[:space:]]*define' "$header" | grep -vE 'define[[:space:]]+MICA_'); then
    complain "$header: defines a macro whose name does not begin with MICA_: $lines"
  fi
done
((failed)) || echo "$# public headers"
exit "$failed"
