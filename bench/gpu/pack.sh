#!/usr/bin/env bash
# What bench/gpu/run.sh needs beside a copy of the repository on a machine that has neither Node nor npm nor a network:
#
#   npm run build:gpu-bench
#   bench/gpu/pack.sh [--golden FOLDER] [OUT]      # OUT/steepest-gpu.tar.xz, in .gpu unless given: about 40 MB
#
# and there, in the repository's folder
#
#   tar xJf .gpu/steepest-gpu.tar.xz && bench/gpu/run.sh [OUT]
#
# It holds programs and library (out, dist), the addon, its kernels and their own programs (build/Release), node-gyp-build, jest and what
# it makes of the tests and their sources (out/jest: there is no compiler there), the Node that runs this one, without its symbols, as
# out/node, and golden cases from elsewhere as out/golden. STEEPEST_XZ=-0 packs in less time.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
golden=
out=$root/.gpu
while [ $# -gt 0 ]; do
  case $1 in
    --golden) golden=$(cd "${2:?--golden needs a folder}" && pwd); shift ;;
    -*) echo "usage: bench/gpu/pack.sh [--golden FOLDER] [OUT]" >&2; exit 2 ;;
    *) out=$1 ;;
  esac
  shift
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$root"
for file in dist/index.js out/bench/index.js out/cuda-cases.js out/test/golden/main.js build/Release/steepest.node build/Release/cuda-kernels; do
  [ -e "$file" ] || { echo "bench/gpu/pack.sh: there is no $file: npm run build:gpu-bench makes it" >&2; exit 1; }
done
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/build/Release"
cp -r dist "$stage/"
mkdir "$stage/out"
cp -r out/bench out/lib out/test out/cuda-cases.js "$stage/out/"
for file in steepest.node steepest-cuda.fatbin cuda-kernels cuda-limits; do
  if [ -e "build/Release/$file" ]; then cp "build/Release/$file" "$stage/build/Release/"; fi
done
node=$(readlink -f "$(command -v "${STEEPEST_NODE:-node}")")
"$node" bench/gpu/suite/store.mjs "$stage/out/jest"
"$node" bench/gpu/suite/packages.mjs node-gyp-build jest | tar --exclude='*.map' --exclude='*.d.ts' -chf - -T - | tar -C "$stage" -xf -
strip -o "$stage/out/node" "$node" 2>/dev/null || cp "$node" "$stage/out/node"
chmod +x "$stage/out/node"
if [ -n "$golden" ]; then cp -r "$golden" "$stage/out/golden"; fi
tar -C "$stage" -cf - build dist node_modules out | xz -T0 "${STEEPEST_XZ:--6}" >"$out/steepest-gpu.tar.xz"
ls -l "$out/steepest-gpu.tar.xz"
