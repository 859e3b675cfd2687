#!/bin/bash
# Latency, load time and memory of the sample models, fp32 and int8; and, where the peers' harness and its models are
# beside the project, the comparison with the other engines.
#
#   scripts/bench.sh KERF PYTHON [SHARED]
set -euo pipefail
cd "$(dirname "$0")/.."
kerf=$1 python=$2 shared=${3:-../shared}
work=.build/bench
mkdir -p $work
for sample in digits faces; do
  "$kerf" compile Samples/$sample/model.onnx -o $work/$sample.kerf --quiet
  echo "$sample fp32: $("$kerf" bench $work/$sample.kerf --threads 1 --seconds 2 --quiet --json)"
done
"$kerf" compile Samples/digits/model.onnx -o $work/digits8.kerf --quantize int8 --samples Samples/digits/x_calibration.npy --quiet
echo "digits int8: $("$kerf" bench $work/digits8.kerf --threads 1 --seconds 2 --quiet --json)"
if [ -d "$shared/peers" ] && [ -d $work/zoo ]; then
  "$python" "$shared/peers/peers.py" measure --models $work/zoo --work $work/peers --kerf "$kerf"
fi
