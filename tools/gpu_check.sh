#!/usr/bin/env bash
# What only a machine with a GPU can show: builds, tests and measures there, and writes docs/results/.
set -Eeuo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/tools/common.sh"

titles=("" "build" "tests on the GPU" "compute-sanitizer" "kernels" "training, next to PyTorch" "cuDNN's function API and graph API")
help() {
  cat <<END
usage: tools/gpu_check.sh --part N [--limit SECONDS] [--results DIR]

  --part 1  builds with nvcc for this GPU's architecture (preset cuda)
         2  all tests, on the GPU
         3  compute-sanitizer (memcheck, racecheck, initcheck, synccheck) over the cases of ops that are small
         4  mica bench: every kernel, on cuda and cpu
         5  training in mica and PyTorch, in turns on this card (where the python3 on the path has PyTorch)
         6  cuDNN's function API and graph API on the convolutions of ResNet-50
  --limit   seconds after which the part is stopped, and fails (540)
  --results the folder of the report (docs/results); DATE-GPU.json and .md in there gather all parts of a day

Part 1 comes first: the others use its build. Needs nvidia-smi, nvcc and cuDNN (CUDNN_HOME names its folder where it is neither in the toolkit nor in
python3's packages); what else the build needs is in build/dependencies where tools/bundle_dependencies.sh's archive was unpacked. Logs are in
build/gpu_check/. Exit status 0: the part passed.
END
}

part='' limit=540 results=$root/docs/results
while (($#)); do
  case $1 in
    --part)
      [[ ${2:-} =~ ^[1-6]$ ]] || stop "--part takes 1 to 6, not '${2:-}'; tools/gpu_check.sh --help says what each is"
      part=$2 && shift
      ;;
    --limit)
      [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || stop "--limit takes seconds, not '${2:-}'"
      limit=$2 && shift
      ;;
    --results) results=${2:?--results takes a folder} && shift ;;
    -h | --help)
      help
      exit
      ;;
    *) stop "there is no option $1. What there is: tools/gpu_check.sh --help" ;;
  esac
  shift
done
[[ -n $part ]] || stop "say which part: --part 1 to 6; tools/gpu_check.sh --help says what each is"
gpu=$(nvidia-smi --query-gpu=name,compute_cap --format=csv,noheader 2>/dev/null | head -n 1) || true
[[ $gpu == *", "* ]] || stop "there is no GPU on this machine (nvidia-smi names none), so part $part (${titles[part]}) was not run"
cd "$root"

build=build/cuda
work=build/gpu_check
log=$work/part-$part.log
rows=$work/part-$part.jsonl
mkdir -p "$work" "$results"
: >"$log"
: >"$rows"
notes=() status=passed
SECONDS=0
if [[ -e build/dependencies/env.sh ]]; then
  # shellcheck source=/dev/null
  source build/dependencies/env.sh
fi

left() { echo $((limit - SECONDS)); }
# try WHAT SECONDS COMMAND...: runs it into the log, at most that long; notes it and fails where it fails.
try() {
  local what=$1 most=$2 code=0
  shift 2
  if ((most <= 0)); then
    status=failed
    notes+=("$what was not run: the limit of $limit s came first.")
    return 1
  fi
  say "$what"
  { printf '\n$'; printf ' %q' "$@"; echo; } >>"$log"
  timeout --kill-after=10 "$most" "$@" 2>&1 | tee -a "$log" | tail -n 40 || code=${PIPESTATUS[0]}
  if ((code == 0)); then return 0; fi
  status=failed
  if ((code == 124 || code == 137)); then notes+=("$what was stopped after $most s."); else notes+=("$what failed with exit status $code; the log is $log."); fi
  return 1
}
# row KEY VALUE...: a row of the report's table; numbers stay numbers.
row() {
  python3 - "$@" >>"$rows" <<'END'
import json, re, sys
pairs = zip(sys.argv[1::2], sys.argv[2::2])
print(json.dumps({k: float(v) if re.fullmatch(r"-?\d+\.\d+", v) else int(v) if re.fullmatch(r"-?\d+", v) else v for k, v in pairs}))
END
}
built() {
  if [[ -x $build/bin/$1 ]]; then return 0; fi
  status=failed
  notes+=("there is no $build/bin/$1; run part 1 first.")
  return 1
}

part_1() {
  local arch start
  arch=$(echo "${gpu##*, }" | tr -d .)
  try "configuring for sm_$arch" "$(left)" cmake --preset cuda "-DMICA_CUDA_ARCHITECTURES=$arch-real" || return 0
  start=$SECONDS
  try "building" "$(left)" cmake --build --preset cuda -j"$(nproc)" --target all mica_peer || return 0
  row what "build, $(nproc) threads" seconds $((SECONDS - start)) architecture "sm_$arch"
}

part_2() {
  built mica_test || return 0
  try "all tests" "$(left)" ctest --preset cuda -j4 --timeout "$limit" --output-junit "$root/$work/tests.xml" || true
  if [[ -e $work/tests.xml ]]; then
    row tests "$(grep -oE ' tests="[0-9]+"' "$work/tests.xml" | head -1 | tr -cd 0-9)" failed "$(grep -oE ' failures="[0-9]+"' "$work/tests.xml" | head -1 | tr -cd 0-9)" \
      skipped "$(grep -oE ' skipped="[0-9]+"' "$work/tests.xml" | head -1 | tr -cd 0-9)"
    grep -oE '<testcase name="[^"]+"[^>]*status="fail"' "$work/tests.xml" | sed -E 's/.*name="([^"]+)".*/\1/' | while read -r name; do row table "failed" test "$name"; done
  fi
}

part_3() {
  local sanitizer='' tool summary found
  for found in "$(command -v compute-sanitizer || true)" "${CUDA_HOME:-/usr/local/cuda}/bin/compute-sanitizer" /opt/nvidia/compute-sanitizer/compute-sanitizer; do
    if [[ -x $found ]]; then
      sanitizer=$found
      break
    fi
  done
  if [[ -z $sanitizer ]]; then
    status=failed
    notes+=("there is no compute-sanitizer on the path or in CUDA_HOME; it comes with the CUDA toolkit.")
    return 0
  fi
  built mica_test || return 0
  local small="AnyShape.*:Reduce.*:Softmax.*:LayerNorm.*:BatchNorm.*:Dropout.*:*Pool2d.*:CrossEntropy.*:Embedding.*:Index*.*:Linear.*:Matmul.*:Cat.*:Pad.*:Gpu.Transposed*:Gpu.Fills*"
  small+="-*Large*:BatchNorm.LargeTensorsOnOneAndTwoThreads:Reduce.FloatSumsOfEqualValuesStayClose"
  local checks=(memcheck racecheck initcheck synccheck) i start
  for i in 0 1 2 3; do
    tool=${checks[i]}
    start=$SECONDS log=$work/part-3-$tool.log
    : >"$log"
    # Without the cache each tensor is an allocation of its own, with bounds of its own. Each tool gets an equal share of what is left.
    try "$tool" $(($(left) / (4 - i))) env MICA_TEST_DEVICES=cuda MICA_CUDA_CACHE=0 "$sanitizer" --tool "$tool" --error-exitcode 9 "$build/bin/mica_test" \
      --gtest_brief=1 --gtest_filter="$small" || true
    summary=$(grep -aE 'ERROR SUMMARY|RACECHECK SUMMARY' "$log" | tail -n 1 | sed -E 's/^=+ *//')
    row tool "$tool" found "${summary:-no summary}" tests "$(grep -aoE '[0-9]+ tests? from' "$log" | tail -n 1 | tr -cd 0-9)" seconds $((SECONDS - start))
  done
}

part_4() {
  built mica || return 0
  try "mica bench" "$(left)" "$build/bin/mica" bench --device cuda,cpu --json "$work/bench.json" || true
  if [[ -e $work/bench.json ]]; then cp "$work/bench.json" "$rows"; fi
}

part_5() {
  built mica_peer || return 0
  # The limit is a little before this part's: what is measured by then is written.
  try "mica and PyTorch" "$(left)" python3 tools/compare_pytorch_gpu.py --limit $(($(left) - 60)) --json "$work/pytorch.jsonl" || true
  if [[ -e $work/pytorch.jsonl ]]; then cp "$work/pytorch.jsonl" "$rows"; fi
}

part_6() {
  local nvcc home='' folder
  nvcc=$(find_nvcc) || {
    status=failed
    notes+=("there is no nvcc; install the CUDA toolkit or set CUDA_HOME.")
    return 0
  }
  for folder in "${CUDNN_HOME:-}" "$(dirname "$(dirname "$nvcc")")" "$(python3 -c 'import nvidia.cudnn; print(nvidia.cudnn.__path__[0])' 2>/dev/null || true)" /usr; do
    if [[ -n $folder && -e $folder/include/cudnn.h ]]; then
      home=$folder
      break
    fi
  done
  if [[ -z $home ]]; then
    status=failed
    notes+=("cudnn.h was not found; set CUDNN_HOME to the folder that has include/cudnn.h.")
    return 0
  fi
  local paths=() libraries
  for libraries in "$home/lib" "$home/lib64" "$home/lib/x86_64-linux-gnu"; do
    if [[ -e $libraries/libcudnn.so.9 ]]; then paths+=("-L$libraries" -Xlinker "-rpath,$libraries"); fi
  done
  try "compiling" "$(left)" "$nvcc" -std=c++20 -O2 -diag-suppress 1444 -Xcompiler -Wno-deprecated-declarations "-I$home/include" tools/peer/cudnn_apis.cpp ${paths[@]+"${paths[@]}"} -l:libcudnn.so.9 \
    -o "$work/cudnn_apis" || return 0
  try "both interfaces" "$(left)" "$work/cudnn_apis" --limit $(($(left) - 10)) --out "$rows" || true
}

"part_$part"
command="tools/gpu_check.sh --part $part --limit $limit"
arguments=()
for note in ${notes[@]+"${notes[@]}"}; do arguments+=(--note "$note") && echo "$note"; done
advice="read the message above; $rows has what was measured"
report=$(python3 tools/gpu_report.py --results "$results" --part "$part" --title "${titles[part]}" --command "$command" --status "$status" --seconds "$SECONDS" --rows "$rows" \
  --nvcc "$(find_nvcc || true)" ${arguments[@]+"${arguments[@]}"})
say "part $part (${titles[part]}) $status after $SECONDS s: $report"
[[ $status == passed ]] || { trap - ERR && exit 1; }
