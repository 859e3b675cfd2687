#!/bin/bash
# Everything CI checks, in order of cost: format, warnings and layers, tests in release, documentation, conformance,
# device, sanitizers.
# Parts that need files beside the project are skipped with a word where those are absent.
set -euo pipefail
cd "$(dirname "$0")/.."
shared=${SHARED:-../shared}
venv=.build/venv
release=(-c release -Xswiftc -enable-testing)
step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }
python_with() { # PACKAGE… in the virtual environment
  local mark=$venv/with-$(echo "$*" | tr ' ' -)
  [ -e "$mark" ] && return
  python3 -m venv $venv
  $venv/bin/pip install --quiet --disable-pip-version-check numpy "$@"
  touch "$mark"
}

step "format"
swift format lint --strict --recursive --parallel Package.swift IR Passes Sources Tests

step "build: warnings are errors, imports are checked"
swift build "${release[@]}" --build-tests --explicit-target-dependency-import-check error

step "tests"
cases=$PWD/.build/device/cases
rm -rf "$cases"
mkdir -p "$cases"
KERF_DEVICE_CASES=$cases swift test "${release[@]}" --skip-build

products=$(swift build "${release[@]}" --show-bin-path)
kerf=$products/kerf

step "operator table"
"$kerf" operators --markdown | diff docs/operators.md - || {
  echo "docs/operators.md is not current: kerf operators --markdown > docs/operators.md" >&2
  exit 1
}

step "conformance"
if [ -f "$shared/conformance/generate.py" ]; then
  python_with onnx
  [ -d .build/conformance ] || $venv/bin/python "$shared/conformance/generate.py" --out .build/conformance >/dev/null
  "$kerf" conformance .build/conformance --manifest Tests/Conformance/manifest.txt --mode all --threads 2 --quiet
  "$kerf" conformance .build/conformance --manifest Tests/Conformance/expanded.txt --expand all --threads 2 --quiet
else
  echo "skipped: no generator at $shared/conformance"
fi

step "conformance of onnxruntime's operators"
python_with onnx onnxruntime
$venv/bin/python Tests/Conformance/contrib/generate.py --out .build/contrib >/dev/null
"$kerf" conformance .build/contrib --threads 2 --quiet
if [ -d .build/conformance ]; then
  $venv/bin/python scripts/case_operators.py .build/conformance .build/contrib | diff Tests/Conformance/operators.txt - || {
    echo "Tests/Conformance/operators.txt is not current: scripts/case_operators.py DIR…" >&2
    exit 1
  }
fi

step "samples: custom operator"
Samples/custom-operator/check.sh "$kerf" "$products/CustomOperator"

step "device"
scripts/test-device.sh "$kerf" "$cases"

step "8-bit models: the same bytes on every instruction set"
PYTHON=$venv/bin/python scripts/test_bit_identity.sh "$kerf"

step "documentation"
scripts/docs.sh

step "sanitizers: address"
# All tests, in release, as everything else: unoptimized kernels are fifty times slower. A limit of memory, as the tests of
# large models set, leaves no room for the sanitizer's own.
LSAN_OPTIONS=suppressions=$PWD/scripts/leaks.supp:print_suppressions=0 KERF_SANITIZER=address \
  swift test "${release[@]}" --scratch-path .build/address --sanitize=address --skip LargeModelTests
step "sanitizers: thread"
# All tests, in release as well; a limit on the length of files meets the sanitizer's own.
toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")
"$toolchain/bin/clang" -O1 -Wall -Wextra -Werror -shared -fPIC scripts/swift_mutex.c -o .build/swift_mutex.so
thread=("${release[@]}" --scratch-path .build/thread --sanitize=thread)
export LD_LIBRARY_PATH=$toolchain/lib/swift/linux KERF_SANITIZER=thread
swift build "${thread[@]}" --build-tests
TSAN_OPTIONS=suppressions=$PWD/scripts/races.supp:print_suppressions=0 LD_PRELOAD=$PWD/.build/swift_mutex.so \
  swift test "${thread[@]}" --skip-build --skip 'LargeModelTests|aFileThatMayNotGrow'

step "done"
