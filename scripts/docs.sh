#!/bin/bash
# Documentation of the library, without warnings: .build/docs
set -euo pipefail
cd "$(dirname "$0")/.."
swift package --allow-writing-to-directory .build/docs generate-documentation --target Kerf --output-path .build/docs \
  --warnings-as-errors
