#!/bin/bash
# Builds kerf-run for this machine and for aarch64, and runs it on cases, natively and under qemu as processors with and
# without dot product (cortex-a76, cortex-a53). A case is a folder with model.kerf (model-aarch64.kerf where arm64 gets a
# bundle of its own), input_J.npy and the host's output_J.npy; results must be the same bytes, or within what a file
# `limit` says. Cases are the digits sample, int8 and fp32 (within 1e-5), and those that the RuntimeTests write.
#
#   scripts/test-device.sh [KERF CASES]     (CASES: folder that RuntimeTests wrote with KERF_DEVICE_CASES; without
#                                            arguments both are made first, as scripts/test.sh makes them)
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }; }

kerf=${1:-} cases=${2:-$work/cases}
if [ -z "$kerf" ]; then
  release=(-c release -Xswiftc -enable-testing)
  mkdir "$cases"
  KERF_DEVICE_CASES=$cases quietly swift test "${release[@]}" --filter deviceCasesRunOnTheHost
  kerf=$(swift build "${release[@]}" --show-bin-path)/kerf
fi

digits=Samples/digits
for precision in fp32 int8; do
  case=$work/samples/$precision
  mkdir -p "$case"
  options=(--quiet)
  [ $precision = int8 ] && options+=(--quantize int8 --allow-slower --samples $digits/x_calibration.npy)
  "$kerf" compile $digits/model.onnx -o "$case/model.kerf" "${options[@]}"
  "$kerf" compile $digits/model.onnx -o "$case/model-aarch64.kerf" --target aarch64-dotprod "${options[@]}"
  "$kerf" run "$case/model.kerf" --inputs $digits/x_test.npy --outputs "$case" --quiet
  cp $digits/x_test.npy "$case/input_0.npy"
  # 8-bit results are the same bytes on every processor.
  if [ $precision = int8 ]; then echo 0; else echo 1e-5; fi >"$case/limit"
done

check() { # BUNDLE-SUFFIX RUNNER…
  local suffix=$1 passed=0 case bundle expected
  shift
  for case in "$work"/samples/*/ "$cases"/*/; do
    bundle=$case/model$suffix.kerf
    [ -e "$bundle" ] || bundle=$case/model.kerf
    rm -rf "$work/out"
    "$@" "$bundle" "$work/out" $(ls "$case"/input_*.npy | sort -V)
    for expected in "$case"/output_*.npy; do
      if [ -e "$case/limit" ]; then
        python3 scripts/compare_npy.py "$expected" "$work/out/$(basename "$expected")" "$(cat "$case/limit")"
      else
        cmp "$expected" "$work/out/$(basename "$expected")"
      fi
    done
    passed=$((passed + 1))
  done
  if "$@" "$cases/host.kerf" "$work/out" 2>"$work/log" || ! grep -q "operators of this model" "$work/log"; then
    echo "error: a bundle with host calls is not refused: $(cat "$work/log")" >&2
    exit 1
  fi
  echo "$*: $passed cases agree"
}

machine=$(uname -m)
quietly scripts/build-device.sh "$machine"
tail -n 1 "$work/log"
check "" ".build/device/$machine/kerf-run"
if [ "$machine" != aarch64 ]; then
  quietly scripts/build-device.sh aarch64
  tail -n 1 "$work/log"
  for cpu in cortex-a53 cortex-a76; do
    check -aarch64 qemu-aarch64-static -L /usr/aarch64-linux-gnu -cpu $cpu .build/device/aarch64/kerf-run
  done
fi
