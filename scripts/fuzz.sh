#!/bin/bash
# Fuzzes the parts that read what strangers made, with libFuzzer and AddressSanitizer: scripts/fuzz.sh [SECONDS] [PART…]
# Parts: wire import passes bundle run. What is found stays in .build/fuzz/PART/found, the corpus beside it.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
parts=${*:-wire import passes bundle run}
KERF_FUZZ=1 swift build --scratch-path .build/fuzz-build -c debug --product kerf-fuzz \
  -Xswiftc -sanitize=fuzzer,address -Xswiftc -parse-as-library -Xcc -fsanitize=fuzzer-no-link,address -Xcc -O1
binary=.build/fuzz-build/debug/kerf-fuzz
for part in $parts; do
  folder=.build/fuzz/$part
  mkdir -p "$folder/corpus" "$folder/found"
  case $part in
    wire | import | passes) cp -n Samples/*/*.onnx "$folder/corpus/" 2>/dev/null || true ;;
  esac
  echo "== $part"
  KERF_FUZZ=$part SWIFT_BACKTRACE=enable=no "$binary" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -max_len=65536 -print_final_stats=1 -artifact_prefix="$folder/found/" "$folder/corpus" 2>&1 |
    grep -E 'ERROR|SUMMARY|stat::number_of_executed|Fatal error|cov:.*DONE|NEW_FUNC' | tail -20
done
