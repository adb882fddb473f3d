#!/usr/bin/env bash
# Builds the fuzz targets (clang 16, AddressSanitizer, UndefinedBehaviorSanitizer) and runs each.
set -Eeuo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/tools/common.sh"

help() {
  cat <<END
usage: tools/fuzz.sh [--seconds N | --runs N] [TARGET...]

Feeds each fuzz target (tests/fuzz/TARGET_fuzz.cpp; all of them when none is named) with inputs grown from tests/fuzz/corpus/TARGET, for N
seconds (60) or N inputs. An input that breaks a target is kept in build/fuzz/findings.
END
}

limit=-max_total_time=60
targets=()
while (($#)); do
  case $1 in
    --seconds) limit=-max_total_time=${2:?--seconds takes a number} && shift ;;
    --runs) limit=-runs=${2:?--runs takes a number} && shift ;;
    -h | --help)
      help
      exit
      ;;
    -*) stop "there is no option $1. What there is: tools/fuzz.sh --help" ;;
    *) targets+=("$1") ;;
  esac
  shift
done
cd "$root"

need_packages "${packages_build[@]}" "${packages_check[@]}"
advice="read the message above; a target is tests/fuzz/TARGET_fuzz.cpp"
cmake --preset fuzz
cmake --build --preset fuzz --target fuzz -j"$(nproc)"

if ((${#targets[@]} == 0)); then
  for file in tests/fuzz/*_fuzz.cpp; do
    if [[ -e $file ]]; then targets+=("$(basename "$file" _fuzz.cpp)"); fi
  done
fi
if ((${#targets[@]} == 0)); then stop "there is no fuzz target in tests/fuzz yet"; fi

mkdir -p build/fuzz/findings
for target in "${targets[@]}"; do
  say "fuzzing $target ($limit)"
  advice="an input in build/fuzz/findings breaks $target; run it alone with build/fuzz/bin/fuzz_$target FILE"
  folders=("build/fuzz/corpus/$target")
  mkdir -p "${folders[0]}"
  if [[ -d tests/fuzz/corpus/$target ]]; then folders+=("tests/fuzz/corpus/$target"); fi
  dictionary=()
  if [[ -e tests/fuzz/$target.dict ]]; then dictionary=("-dict=tests/fuzz/$target.dict"); fi
  "build/fuzz/bin/fuzz_$target" "$limit" ${dictionary[@]+"${dictionary[@]}"} -max_len=512 -malloc_limit_mb=64 -timeout=10 -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="build/fuzz/findings/$target-" "${folders[@]}"
done
