#!/bin/bash
# Runs the sample in C with a built kerf, and in Swift where asked, and compares with expected.txt.
#
#   Samples/custom-operator/check.sh KERF [SCRATCH]     (SCRATCH: build folder of the Swift package; without it only C)
set -euo pipefail
kerf=$(realpath "$1")
scratch=${2:-}
[ -z "$scratch" ] || scratch=$(realpath -m "$scratch")
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

if [ -n "$scratch" ]; then
  swift run --scratch-path "$scratch" CustomOperator 2>"$work/log" >"$work/printed" || { cat "$work/log" >&2; exit 1; }
  diff expected.txt "$work/printed"
  echo "custom operator in Swift: as expected"
fi
