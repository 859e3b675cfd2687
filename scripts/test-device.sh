#!/bin/bash
# Builds kerf-run for this machine and for aarch64, and runs it on cases, natively and under qemu as processors with and
# without dot product. A case is a folder with model.kerf, input_J.npy and the expected output_J.npy (compared byte for byte).
#
#   scripts/test-device.sh [CASES]       (without CASES: those of the RuntimeTests, written first)
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cases=${1:-}
if [ -z "$cases" ]; then
  cases=$work/cases
  mkdir "$cases"
  KERF_DEVICE_CASES=$cases swift test --package-path "$root" --filter deviceCasesRunOnTheHost >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
  }
fi
"$root/scripts/build-device.sh" "$(uname -m)" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
runners=("$root/.build/device/$(uname -m)/kerf-run")
if command -v aarch64-linux-gnu-gcc qemu-aarch64-static >/dev/null && [ "$(uname -m)" != aarch64 ]; then
  "$root/scripts/build-device.sh" aarch64 >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  for cpu in cortex-a53 cortex-a76; do
    runners+=("qemu-aarch64-static -L /usr/aarch64-linux-gnu -cpu $cpu $root/.build/device/aarch64/kerf-run")
  done
fi
failed=0
for runner in "${runners[@]}"; do
  passed=0
  for case in "$cases"/*/; do
    out=$work/out
    rm -rf "$out"
    if ! $runner "$case/model.kerf" "$out" $(ls "$case"/input_*.npy | sort -V) 2>"$work/log"; then
      echo "FAILED $case: $(cat "$work/log")"
      failed=$((failed + 1))
      continue
    fi
    same=1
    for expected in "$case"/output_*.npy; do cmp "$expected" "$out/$(basename "$expected")" || same=0; done
    if [ $same = 1 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED $case"; fi
  done
  if [ -e "$cases/host.kerf" ]; then
    if $runner "$cases/host.kerf" "$work/out" 2>"$work/log" || ! grep -q "operators of this model" "$work/log"; then
      echo "FAILED host calls are not refused: $(cat "$work/log")"
      failed=$((failed + 1))
    fi
  fi
  echo "$runner: $passed passed"
done
[ $failed = 0 ]
