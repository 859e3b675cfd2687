#!/bin/bash
# Compiles the digits sample, fp32 and int8, and compares the device runner with the host: natively, and for arm64
# under qemu as a processor without dot product (cortex-a53) and one with it (cortex-a76). int8 must be the same bytes,
# fp32 within 1e-5.
#
#   scripts/device-samples.sh [KERF]
set -euo pipefail
cd "$(dirname "$0")/.."
kerf=${1:-.build/release/kerf}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
digits=Samples/digits
"$kerf" compile $digits/model.onnx -o "$work/fp32.kerf" --target portable --quiet
"$kerf" compile $digits/model.onnx -o "$work/int8.kerf" --target portable --quantize int8 \
  --samples $digits/x_calibration.npy --quiet
# A bundle for every instruction set: the same packed weights, the mask open for arm64.
for precision in fp32 int8; do
  for target in native aarch64-dotprod; do
    options=()
    [ $precision = int8 ] && options=(--quantize int8 --samples $digits/x_calibration.npy)
    "$kerf" compile $digits/model.onnx -o "$work/$precision-$target.kerf" --target $target "${options[@]}" --quiet
  done
  "$kerf" run "$work/$precision-native.kerf" --inputs $digits/x_test.npy --outputs "$work/$precision-host" --quiet
done
scripts/build-device.sh "$(uname -m)"
scripts/build-device.sh aarch64
check() { # PRECISION BUNDLE RUNNER…
  local precision=$1 bundle=$2
  shift 2
  "$@" "$bundle" "$work/out" $digits/x_test.npy
  python3 scripts/compare_npy.py "$work/$precision-host/output_0.npy" "$work/out/output_0.npy" \
    "$([ $precision = int8 ] && echo 0 || echo 1e-5)"
  echo "$precision agrees: $*"
}
for precision in fp32 int8; do
  check $precision "$work/$precision-native.kerf" ".build/device/$(uname -m)/kerf-run"
  for cpu in cortex-a53 cortex-a76; do
    check $precision "$work/$precision-aarch64-dotprod.kerf" \
      qemu-aarch64-static -L /usr/aarch64-linux-gnu -cpu $cpu .build/device/aarch64/kerf-run
  done
done
