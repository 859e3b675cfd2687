#!/bin/bash
# Builds kerf-run, the device runner: Bundle, Runtime and Device as one Embedded Swift module, with the C kernels.
#
#   scripts/build-device.sh x86_64|aarch64 [OUTPUT]       (OUTPUT: .build/device/TARGET/kerf-run)
#
# aarch64 needs the cross compiler aarch64-linux-gnu-gcc.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
target=${1:?usage: build-device.sh x86_64|aarch64 [OUTPUT]}
build=$root/.build/device/$target
output=${2:-$build/kerf-run}
case $target in
  x86_64) triple=x86_64-unknown-linux-gnu cc=${CC:-clang} tables=linux ;;
  aarch64) triple=aarch64-none-none-elf cc=${CC_AARCH64:-aarch64-linux-gnu-gcc} tables=$triple ;;
  *) echo "error: target '$target' is not x86_64 or aarch64" >&2; exit 64 ;;
esac
mkdir -p "$build/modules/CSystem" "$build/modules/Kernels" "$build/objects"
echo "module CSystem { header \"$root/Sources/CSystem/include/csystem.h\" export * }" >"$build/modules/CSystem/module.modulemap"
echo "module Kernels { header \"$root/Sources/Kernels/include/kerf_kernels.h\" export * }" >"$build/modules/Kernels/module.modulemap"

# One module of all sources; empty modules stand in for what those sources import from each other.
embedded=(-enable-experimental-feature Embedded -wmo -O -parse-as-library -target "$triple" -swift-version 6)
: >"$build/empty.swift"
for name in Bundle Runtime; do
  swiftc "${embedded[@]}" -module-name $name -emit-module -o "$build/modules/$name.swiftmodule" "$build/empty.swift"
done
swiftc "${embedded[@]}" -module-name KerfRun -enable-upcoming-feature ExistentialAny -I "$build/modules" \
  -Xcc -fmodule-map-file="$build/modules/CSystem/module.modulemap" \
  -Xcc -fmodule-map-file="$build/modules/Kernels/module.modulemap" \
  -Xcc -ffreestanding -Xcc -fPIC -Xcc -ffunction-sections -c -o "$build/objects/swift.o" \
  "$root"/Sources/Bundle/*.swift "$root"/Sources/Runtime/*.swift "$root"/Sources/Device/*.swift

# C: only what is out of date.
objects=("$build/objects/swift.o")
while IFS= read -r source; do
  object=$build/objects/$(echo "${source#"$root"/Sources/}" | tr / _).o
  objects+=("$object")
  if [ ! -e "$object" ] || [ -n "$(find "$source" "$root/Sources/Kernels" "$root/Sources/CSystem" -newer "$object" \
    \( -name '*.h' -o -name '*.def' -o -name '*.inc' -o -path "$source" \) -print -quit)" ]; then
    "$cc" -O2 -ffp-contract=off -fPIE -ffunction-sections -fdata-sections -I"$root/Sources/Kernels/include" -I"$root/Sources/CSystem/include" \
      -c "$source" -o "$object"
  fi
done < <(find "$root/Sources/Kernels" "$root/Sources/CSystem" "$root/Sources/KerfRun" -name '*.c' | LC_ALL=C sort)

tables_library=$(dirname "$(readlink -f "$(command -v swiftc)")")/../lib/swift/embedded
"$cc" -pie -Wl,--gc-sections -s "${objects[@]}" -o "$output" $(find "$tables_library" -path "*$triple*" -name libswiftUnicodeDataTables.a) \
  -lm -lpthread
echo "$output: $(stat -c %s "$output") bytes"
