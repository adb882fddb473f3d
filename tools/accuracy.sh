#!/usr/bin/env bash
# The accuracies that mica promises, each trained from fresh weights and measured on the untouched test split.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/common.sh
source tools/common.sh

usage() {
  cat <<'TEXT'
tools/accuracy.sh digits     the default command for seeds 1 to 5: mean >= 98.5 %, worst >= 97.5 % (half a minute on 2 cores)
tools/accuracy.sh mnist      lenet5 in 5 epochs: mean of seeds 1 to 3 >= 98.8 %; cnn7 in 8 epochs: >= 99.4 % (MICA_DATA names the data's folder)
--program PATH               the mica to run; build/bin/mica without it
--keep FOLDER                keep the runs there
TEXT
}

what="" program=build/bin/mica keep=""
while (($#)); do
  case $1 in
    digits | mnist) what=$1 ;;
    --program) program=${2:?--program needs a path}; shift ;;
    --keep) keep=${2:?--keep needs a folder}; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; stop "there is no option $1" ;;
  esac
  shift
done
[[ -n $what ]] || { usage >&2; stop "say what to measure: digits or mnist"; }
[[ -x $program ]] || stop "$program is not there; build it with tools/quickstart.sh"
runs=${keep:-$(mktemp -d)}
[[ -n $keep ]] || trap 'rm -rf "$runs"' EXIT

# measure NAME MEAN WORST SEEDS ARGUMENT...: trains for each seed, prints each accuracy, and fails where the mean or the worst is too low.
failed=0
measure() {
  local name=$1 mean=$2 worst=$3 seeds=$4 seed accuracy all=()
  shift 4
  for ((seed = 1; seed <= seeds; ++seed)); do
    "$program" train --quiet --seed "$seed" --out "$runs/$name-$seed" "$@" >/dev/null
    accuracy=$(sed -n 's/^ *"test_accuracy": \([0-9.]*\).*/\1/p' "$runs/$name-$seed/summary.json")
    all+=("$accuracy")
    echo "$name seed $seed: $(awk "BEGIN {printf \"%.2f\", 100 * $accuracy}") %, $(sed -n 's/^ *"seconds": \([0-9.]*\).*/\1/p' "$runs/$name-$seed/summary.json") s"
  done
  printf '%s\n' "${all[@]}" | awk -v name="$name" -v mean="$mean" -v worst="$worst" '
    { sum += $1; if (NR == 1 || $1 < least) least = $1 }
    END { ok = sum / NR >= mean - 1e-9 && least >= worst - 1e-9
          printf "%s: mean %.2f %% (goal %.2f %%), worst %.2f %% (goal %.2f %%): %s\n", name, 100 * sum / NR, 100 * mean, 100 * least, 100 * worst, ok ? "reached" : "NOT reached"
          exit !ok }' || failed=1
}

if [[ $what == digits ]]; then
  measure digits 0.985 0.975 5
else
  measure lenet5 0.988 0 3 --data mnist --model lenet5 --epochs 5 --batch 64
  measure cnn7 0.994 0 3 --data mnist --model cnn7 --epochs 8 --batch 64
fi
exit $failed
