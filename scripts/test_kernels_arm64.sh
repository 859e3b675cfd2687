#!/bin/sh
# Runs all kernel cases on arm64 under qemu, as processors with and without the dot product and i8mm.
# Needs swift, aarch64-linux-gnu-gcc and qemu-aarch64-static.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
KERF_CASE_FILE="$work/cases" swift test --filter KernelCaseFileTests
aarch64-linux-gnu-gcc -O2 -ffp-contract=off -ISources/Kernels/include scripts/run_kernel_cases.c \
  $(find Sources/Kernels -name '*.c') -lm -lpthread -o "$work/run"
for cpu in cortex-a53 cortex-a76 max; do
  echo "== $cpu"
  qemu-aarch64-static -L /usr/aarch64-linux-gnu -cpu "$cpu" "$work/run" "$work/cases"
done
