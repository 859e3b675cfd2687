#!/bin/bash
# Runs the sample in C with a built kerf and in Swift, and compares with expected.txt.
#
#   Samples/custom-operator/check.sh KERF CUSTOM_OPERATOR     (both as `swift build` leaves them)
set -euo pipefail
kerf=$(realpath "$1")
sample=$(realpath "$2")
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cc -shared -fPIC -O2 -Wall -Werror -I ../../Sources/CKerf/include -o "$work/softsquash.so" c/softsquash.c
"$kerf" compile model.onnx -o "$work/model.kerf" --custom-operators "$work/softsquash.so" --strict --quiet
"$kerf" run "$work/model.kerf" --custom-operators "$work/softsquash.so" --inputs x.npy --outputs "$work/out" --quiet
python3 - "$work/out/output_0.npy" expected.txt <<'END'
import ast, struct, sys
data = open(sys.argv[1], "rb").read()
values = struct.unpack("<6f", data[-24:])
expected = ast.literal_eval(open(sys.argv[2]).read())
if any(struct.pack("<f", a) != struct.pack("<f", b) for a, b in zip(values, expected)):
  sys.exit(f"error: got {values}, expected {expected}")
END
echo "custom operator in C: as expected"

"$sample" | diff expected.txt -
echo "custom operator in Swift: as expected"
