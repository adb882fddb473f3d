#!/usr/bin/env bash
# resume_test.sh PROGRAM: a training that is interrupted (Ctrl-C), or killed, and resumed ends with the weights of one that was not.
set -euo pipefail
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
arguments=(--model cnn7 --epochs 4 --batch 64 --threads 1 --ema 0.9 --quiet)

hash_of() { sed -n 's/^ *"weights_hash": "\(.*\)".*/\1/p' "$1/summary.json"; }
rows_of() { if [[ -e $1/metrics.csv ]]; then wc -l <"$1/metrics.csv"; else echo 0; fi; }

"$program" train "${arguments[@]}" --out "$folder/whole" >/dev/null

for signal in INT KILL; do
  run=$folder/$signal
  "$program" train "${arguments[@]}" --out "$run" >/dev/null &
  pid=$!
  for ((i = 0; i < 6000 && $(rows_of "$run") < 2; ++i)); do sleep 0.01; done  # the header and one epoch
  kill -s "$signal" $pid
  code=0
  wait $pid || code=$?
  [[ $signal == KILL || $code == 130 ]] || { echo "after SIGINT the program exits with $code, not 130" >&2; exit 1; }
  [[ ! -e $run/summary.json ]] || { echo "the run was over before it could be stopped" >&2; exit 1; }
  "$program" train --resume "$run" --quiet >/dev/null
  [[ $(rows_of "$run") == 5 ]] || { echo "metrics.csv has $(rows_of "$run") lines after SIG$signal, not 5" >&2; cat "$run/metrics.csv" >&2; exit 1; }
  [[ -n $(hash_of "$run") && $(hash_of "$run") == "$(hash_of "$folder/whole")" ]] || {
    echo "after SIG$signal: weights $(hash_of "$run"), without: $(hash_of "$folder/whole")" >&2
    exit 1
  }
done
echo "interrupted, killed and unbroken runs end with the weights $(hash_of "$folder/whole")"
