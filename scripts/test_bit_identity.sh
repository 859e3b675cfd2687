#!/bin/bash
# Runs six whole 8-bit models with the kernels of every instruction set at hand and asks for the same bytes: on this
# processor compiled for plain C, for x86-64-v3 and for all it has, with the kernels of each set it has (KERF_ISA), on one
# thread and three; on arm64 under qemu in plain C, with NEON, with the dot product and with i8mm. AVX-VNNI and AVX-512 take
# part where the processor has them.
#
#   scripts/test_bit_identity.sh KERF [FOLDER…]   (FOLDER: with model.onnx and x.npy, instead of the six)
#
# Needs python3 with onnx and numpy (PYTHON), aarch64-linux-gnu-gcc and qemu-aarch64-static.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kerf=${1:?usage: test_bit_identity.sh KERF [FOLDER…]}
shift
if [ $# = 0 ]; then
  "${PYTHON:-python3}" Tests/BitIdentity/generate.py "$work/models"
  set -- "$work"/models/*
fi
sets=$("$kerf" operators | sed -n 's/.*this processor: //p')
[ -n "$sets" ] || { echo "error: kerf operators names no instruction sets" >&2; exit 1; }
echo "this processor: $sets"
scripts/build-device.sh aarch64 >/dev/null
arm() { qemu-aarch64-static -L /usr/aarch64-linux-gnu -cpu "$1" .build/device/aarch64/kerf-run "${@:2}"; }

agree() { # MODEL WHAT FOLDER: all bytes behind the header, which the device runner spaces in its own way
  cmp -i 128 "$work/portable/output_0.npy" "$3/output_0.npy" || { echo "error: $1: $2 differs from portable" >&2; exit 1; }
}

for folder in "$@"; do
  name=$(basename "$folder")
  for target in portable x86-64-v3 native aarch64 aarch64-dotprod aarch64-i8mm; do
    "$kerf" compile "$folder/model.onnx" -o "$work/$target.kerf" --target $target --quiet
  done
  for target in portable x86-64-v3 native; do
    "$kerf" run "$work/$target.kerf" --inputs "$folder/x.npy" --outputs "$work/$target" --quiet
    agree "$name" $target "$work/$target"
  done
  for set in $sets; do
    KERF_ISA=$set "$kerf" run "$work/native.kerf" --inputs "$folder/x.npy" --outputs "$work/$set-only" --quiet
    agree "$name" "KERF_ISA=$set" "$work/$set-only"
  done
  "$kerf" run "$work/native.kerf" --inputs "$folder/x.npy" --outputs "$work/threads" --threads 3 --quiet
  agree "$name" "three threads" "$work/threads"
  for pair in cortex-a53:aarch64 cortex-a76:aarch64-dotprod max:aarch64-i8mm; do
    arm ${pair%:*} "$work/${pair#*:}.kerf" "$work/arm" "$folder/x.npy"
    agree "$name" "$pair" "$work/arm"
  done
  echo "$name: the same bytes everywhere"
done
