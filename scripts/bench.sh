#!/bin/bash
# Latency, load time and memory of the sample models, fp32 and int8; and, where the peers' harness and a folder of ONNX models
# are beside the project, the comparison with the other engines, written to docs/benchmarks.
#
#   scripts/bench.sh KERF PYTHON [SHARED [ZOO]]      ZOO: folders of models, .build/bench/zoo by default
#
# PYTHON must have the engines to compare with (onnxruntime, openvino, ncnn, MNN); PNNX names the converter for ncnn.
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
read -r -a zoo <<< "${4:-$work/zoo}"
if [ -d "$shared/peers" ] && [ -d "${zoo[0]}" ]; then
  peers=(ort ov ncnn mnn kerf)
  pnnx=()
  [ -n "${PNNX:-}" ] && pnnx=(--pnnx "$PNNX")
  "$python" "$shared/peers/peers.py" prepare --models "${zoo[@]}" --work $work/peers --peers "${peers[@]}" "${pnnx[@]}" --kerf "$kerf"
  "$python" "$shared/peers/peers.py" measure --models "${zoo[@]}" --work $work/peers --peers "${peers[@]}" --noisy-only \
    --out $work/results.json --md $work/RESULTS.md --kerf "$kerf"
  "$python" scripts/benchmark_report.py $work/results.json docs/benchmarks
  echo "the comparison is in docs/benchmarks/README.md"
fi
