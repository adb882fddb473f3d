#!/usr/bin/env bash
# resume_test.sh PROGRAM: a training that is interrupted (Ctrl-C), or killed, and resumed ends with the weights of one that was not.
set -euo pipefail
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

hash_of() { sed -n 's/^ *"weights_hash": "\(.*\)".*/\1/p' "$1/summary.json"; }
rows_of() { if [[ -e $1/metrics.csv ]]; then wc -l <"$1/metrics.csv"; else echo 0; fi; }

for model in "cnn7 --batch 64" "lenet5 --batch 16 --precision f16 --clip 1"; do
  read -ra arguments <<<"--model $model --epochs 4 --threads 1 --ema 0.9 --quiet"
  whole="$folder/${model%% *}"
  "$program" train "${arguments[@]}" --out "$whole" >/dev/null

  for signal in INT KILL; do
    run=$whole.$signal
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
    [[ -n $(hash_of "$run") && $(hash_of "$run") == "$(hash_of "$whole")" ]] || {
      echo "after SIG$signal: weights $(hash_of "$run"), without: $(hash_of "$whole")" >&2
      exit 1
    }
  done
  echo "$model: interrupted, killed and unbroken runs end with the weights $(hash_of "$whole")"
done
