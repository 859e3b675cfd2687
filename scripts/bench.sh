#!/bin/bash
# Latency, load time and memory of the sample models, fp32 and int8; and, where the peers' harness is beside the project, the
# comparison with the other engines on its models, written to docs/benchmarks. INT8=1 compares 8-bit models as well.
#
#   scripts/bench.sh KERF PYTHON [SHARED [ZOO]]      ZOO: folders of models, .build/bench/zoo by default, made where missing
#
# Engines that PYTHON lacks (onnxruntime, openvino, ncnn, MNN) are installed beside it; PNNX names the converter for ncnn.
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
[ -d "$shared/peers" ] || exit 0

# The engines, and the models: made once, which takes a while.
if ! "$python" -c "import MNN, ncnn, onnxruntime, openvino" 2>/dev/null; then
  python=$work/venv/bin/python
  if ! [ -x "$python" ]; then
    echo "installing the engines to compare with"
    python3 -m venv $work/venv
    $work/venv/bin/pip install --quiet --disable-pip-version-check MNN ncnn nncf numpy onnx onnxruntime openvino pnnx
  fi
fi
if ! [ -d "${zoo[0]}" ]; then
  if ! python3 -c "import torch, torchvision" 2>/dev/null; then
    echo "installing PyTorch, which writes the models"
    run=(); [ "$(id -u)" = 0 ] || run=(sudo)
    DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get install -y -qq --no-install-recommends python3-torch python3-torchvision >/dev/null
  fi
  python3 "$shared/peers/make_zoo.py" --out "${zoo[0]}"
fi

peers=(ort ov ncnn mnn kerf)
[ "${INT8:-}" = 1 ] && peers+=(ort_int8 ort_dyn ov_qdq ov_nncf mnn_w8 kerf_int8)
pnnx=()
[ -n "${PNNX:-}" ] && pnnx=(--pnnx "$PNNX")
"$python" "$shared/peers/peers.py" prepare --models "${zoo[@]}" --work $work/peers --peers "${peers[@]}" "${pnnx[@]}" --kerf "$kerf"
"$python" "$shared/peers/peers.py" measure --models "${zoo[@]}" --work $work/peers --peers "${peers[@]}" --noisy-only \
  --out $work/results.json --md $work/RESULTS.md --kerf "$kerf"
"$python" scripts/benchmark_report.py $work/results.json docs/benchmarks
echo "the comparison is in docs/benchmarks/README.md"
