#!/bin/bash
# Installs the Debian packages that building, the demo and the tests need, where they are missing. Asks for nothing.
set -euo pipefail
packages=(
  libonnx-dev libprotobuf-dev zlib1g-dev libstdc++-12-dev   # the compiler
  libtiff-dev libjpeg62-turbo-dev libpng-dev libwebp-dev libopenjp2-7-dev   # ImageDecoder, and what libtiff's archive needs
  libzstd-dev liblzma-dev libjbig-dev liblerc-dev libdeflate-dev
  python3-venv                                              # samples, conformance cases
  gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static  # device tests
)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} = 0 ] && exit 0
echo "installing ${missing[*]}"
run=()
if [ "$(id -u)" != 0 ]; then run=(sudo); fi
export DEBIAN_FRONTEND=noninteractive
"${run[@]}" apt-get update -qq
"${run[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
