#!/usr/bin/env bash
# Everything to know about a machine with an NVIDIA GPU, in one command and under ten minutes:
#
#   npm run build:gpu-bench            # once; what it builds can be carried to the machine: out, dist, build/Release and
#                                      # node_modules/node-gyp-build
#   bench/gpu/run.sh [--smoke] [--only part,part] [OUT]     # OUT is out/gpu unless given
#
# Each part has a time limit of its own, all have one together, and none stops the others. OUT gets a .log and, where a part prints JSON, a .jsonl for
# each, and summary.json with all of it, which is all that has to come back. Exits with 1 when a part failed.
#
#   STEEPEST_NODE           the Node to use, instead of the one on PATH
#   STEEPEST_PEERS_PYTHON   a Python with PyTorch, which is measured in turns with ours
#   STEEPEST_DEVICE         cuda:0 unless given
#   STEEPEST_GOLDEN         a folder of golden cases, test/golden/data unless given
#   STEEPEST_SECONDS        for all parts together, 580 unless given: what comes later has less time, or none
#
# --smoke takes tiny sizes: it tries the script, with the emulated driver too, and its times mean nothing.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
smoke=
only=
out=$root/out/gpu
while [ $# -gt 0 ]; do
  case $1 in
    --smoke) smoke=1 ;;
    --only) only=${2:?--only needs names of parts}; shift ;;
    -*) echo "usage: bench/gpu/run.sh [--smoke] [--only part,part] [OUT]" >&2; exit 2 ;;
    *) out=$1 ;;
  esac
  shift
done
mkdir -p "$out" || exit 2
out=$(cd "$out" && pwd)
cd "$root" || exit 2
export STEEPEST_DEVICE=${STEEPEST_DEVICE:-cuda:0}
node=${STEEPEST_NODE:-$(command -v node || true)}
golden=${STEEPEST_GOLDEN:-test/golden/data}
release=${STEEPEST_RELEASE:-build/Release}
parts=()
deadline=$(($(date +%s) + ${STEEPEST_SECONDS:-580}))

with_torch() { "$1" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; }
python=
if [ -z "$smoke" ]; then
  for candidate in "${STEEPEST_PEERS_PYTHON:-}" python3 python; do
    if [ -n "$candidate" ] && with_torch "$candidate"; then python=$(command -v "$candidate"); break; fi
  done
fi
[ -n "$python" ] && export STEEPEST_PEERS_PYTHON=$python

# As a string of JSON.
json_string() { printf '"'; LC_ALL=C tr -d '\000-\010\013-\037\177-\377' | awk '{ gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); gsub(/\t/, " "); printf "%s%s", (NR > 1 ? "\\n" : ""), $0 }'; printf '"'; }

# part NAME SECONDS NEEDS COMMAND...: runs it within its time, unless what it needs (a file, or nothing) is not there.
# What it prints is kept: lines of JSON, and the rest.
part() {
  local name=$1 limit=$2 needs=$3 began status state left
  shift 3
  case ",$only," in ,,|*",$name,"*) ;; *) return 0 ;; esac
  began=$(date +%s)
  rm -f "$out/$name.jsonl"
  if [ "$needs" != - ] && [ ! -e "$needs" ]; then
    echo "left out: there is no ${needs:-Node (STEEPEST_NODE names one)}" >"$out/$name.log"
    state='left out' status=0
  elif left=$((deadline - began)) && [ "$left" -lt 3 ]; then
    echo 'left out: the time for all parts is over' >"$out/$name.log"
    state='left out' status=0
  else
    timeout -k 5 "$((limit < left ? limit : left))" "$@" >"$out/$name.log" 2>&1
    status=$?
    grep -a '^{.*}$' "$out/$name.log" >"$out/$name.jsonl" || rm -f "$out/$name.jsonl"
    case $status in 0) state=passed ;; 124 | 137) state='out of time' ;; *) state=failed ;; esac
  fi
  parts+=("$name|$state|$status|$(($(date +%s) - began))")
  echo "$name: $state ($(($(date +%s) - began)) s)"
}

# Needs both Node and a file.
node_part() {
  local name=$1 limit=$2 file=$3
  shift 3
  if [ -n "$node" ]; then part "$name" "$limit" "$file" "$node" "$file" "$@"; else part "$name" "$limit" "" true; fi
}

bench() {
  local name=$1 limit=$2
  shift 2
  node_part "$name" "$limit" out/bench/index.js --device "$STEEPEST_DEVICE" --json "$@"
}

gpu_state() {
  nvidia-smi --query-gpu=name,driver_version,memory.total,power.limit,clocks.sm,clocks.mem,clocks.max.sm,temperature.gpu --format=csv
  nvidia-smi -q -d CLOCK,POWER,PERFORMANCE
  nproc
  uname -r
  grep -m1 'model name' /proc/cpuinfo
}

# ---- the machine and its limits
export -f gpu_state
part machine 10 "$(command -v nvidia-smi || echo nvidia-smi)" bash -c gpu_state
# By CUDA's own runtime, which knows only real devices.
[ -n "$smoke" ] || part limits 30 "$release/cuda-limits" "$release/cuda-limits"

# ---- starting: the kernels as they are, and assembled by the driver from PTX
part load 10 "$release/cuda-kernels" "$release/cuda-kernels" --load
part load-ptx 30 "$release/cuda-kernels" env CUDA_FORCE_PTX_JIT=1 CUDA_CACHE_DISABLE=1 "$release/cuda-kernels" --load
node_part start 20 out/bench/gpu/start.js

# ---- results
if [ -n "$smoke" ]; then
  part kernels 30 "$release/cuda-kernels" "$release/cuda-kernels" --small
  node_part cases 60 out/cuda-cases.js --draws 1 --every 60
else
  part kernels 25 "$release/cuda-kernels" "$release/cuda-kernels" --repeat 5
  STEEPEST_CUDA_PRODUCTS=Wgmma part sanitizer-convolutions 20 "$(command -v compute-sanitizer || echo compute-sanitizer)" \
    compute-sanitizer --error-exitcode 9 "$release/cuda-kernels" --repeat 1 convInputGradBfloat16 2 9 68 20 3 2
  part sanitizer 20 "$(command -v compute-sanitizer || echo compute-sanitizer)" \
    compute-sanitizer --error-exitcode 9 "$release/cuda-kernels" --small
  STEEPEST_CUDA_PRODUCTS=attentionWgmma part sanitizer-attention 20 "$(command -v compute-sanitizer || echo compute-sanitizer)" \
    compute-sanitizer --error-exitcode 9 "$release/cuda-kernels" --repeat 1 attentionGradBfloat16 1 140 2 64
  node_part cases 60 out/cuda-cases.js --seconds 40 --json "$out/cases.json"
  # small products through the kernels for large ones: all forms of operands, around the edges of tiles; Wgmma is those of convolutions
  for kernel in wgmma mma Wgmma; do
    STEEPEST_CUDA_PRODUCTS=$kernel node_part "cases-$kernel" 20 out/cuda-cases.js --only bfloat16 --draws 2
  done
  STEEPEST_CUDA_PRODUCTS=attentionWgmma node_part cases-attention 10 out/cuda-cases.js --only attention --draws 2
  # loops over time in one launch, by blocks alone and in clusters
  for members in 1 2; do
    STEEPEST_CUDA_LOOPS=$members node_part "cases-loops-$members" 15 out/cuda-cases.js --only recurrent --draws 2
  done
  if [ -e "$golden" ]; then node_part golden 50 out/test/golden/main.js "$golden"; fi
fi

# ---- speed of single kernels, in turns with PyTorch
kernel_speed() {
  local k=$1
  "$k" --repeat 20 map 67108864
  "$k" --repeat 3 matmulBfloat16 8192 8192 8192
  # GPT-2: 8 x 1024 symbols to queries, keys and values; back; hidden; output; classifier
  for shape in '768 2304' '768 768' '768 3072' '3072 768' '768 50304'; do "$k" --repeat 3 matmulBfloat16 8192 $shape; done
  "$k" --repeat 3 matmul 2048 2048 2048
  "$k" --repeat 3 attention 8 1024 12 64
  for way in attentionWgmma attentionMma; do
    export STEEPEST_CUDA_PRODUCTS=$way
    echo "{\"kernels\":\"$way\"}"
    for shape in '8 1024 12 64' '4 2048 8 128'; do
      "$k" --repeat 3 attentionBfloat16 $shape
      "$k" --repeat 3 attentionGradBfloat16 $shape
    done
  done
}
# Some 3 x 3 convolutions of ResNet-50, by both kinds of kernels
convolution_speed() {
  local k=$1 way shape what
  for way in Wgmma Mma; do
    export STEEPEST_CUDA_PRODUCTS=$way
    echo "{\"kernels\":\"$way\"}"
    for shape in '28 128 128 3 1' '14 256 256 3 1' '28 256 256 3 2' '56 64 64 3 1'; do
      for what in conv convInputGrad convKernelGrad; do "$k" --repeat 3 ${what}Bfloat16 128 $shape; done
    done
  done
}
export -f kernel_speed convolution_speed
if [ -z "$smoke" ]; then
  part speed-convolutions 40 "$release/cuda-kernels" bash -c "convolution_speed $release/cuda-kernels"
  for turn in 1 2; do
    part "speed-$turn" 30 "$release/cuda-kernels" bash -c "kernel_speed $release/cuda-kernels"
    if [ -n "$python" ]; then part "speed-torch-$turn" 25 - "$python" bench/gpu/torch_gpu.py --device "$STEEPEST_DEVICE"; fi
  done
fi

# ---- training steps, in turns with PyTorch
if [ -n "$smoke" ]; then
  bench steps 30 --case b --against steepest --rounds 1 --seconds 0.01
  bench steps-bottlenecks 30 --case bottlenecks --against steepest-bf16 --rounds 1 --seconds 0.01
  node_part profile 30 out/bench/gpu/profile.js c float32 1
else
  peers=${python:+,torch,torch-compile,torch-graph}
  bfloat16=${python:+,torch-bf16,torch-graph-bf16}
  bench steps-mnist 40 --case mnist,d --against "steepest$peers" --rounds 3 --seconds 0.5
  bench steps-cifar 50 --case cifar --against "steepest$peers" --rounds 2 --seconds 1
  bench steps-gpt2 60 --case gpt2 --against "steepest-bf16$bfloat16" --rounds 2 --seconds 1
  bench steps-resnet50 60 --case resnet50 --against "steepest-bf16$bfloat16" --rounds 2 --seconds 1
  # one after the other, as both may not fit the GPU: 25 GB of weights and moments each
  bench steps-gpt2xl 70 --case gpt2xl --against steepest-bf16 --rounds 2 --seconds 1
  if [ -n "$python" ]; then bench steps-gpt2xl-torch 60 --case gpt2xl --against torch-bf16 --rounds 2 --seconds 1; fi
  node_part profile 30 out/bench/gpu/profile.js mnist,cifar,gpt2 mixedBfloat16
  # an LSTM: launches for each step, one for all of them by blocks alone and by clusters, and what is chosen
  for members in 0 1 8 ''; do
    STEEPEST_CUDA_LOOPS=$members bench "steps-lstm${members:+-$members}" 10 --case i --against steepest --rounds 2 --seconds 0.5
  done
  # torch.compile takes longest to start: what time is left
  if [ -n "$python" ]; then
    bench steps-gpt2-compile 60 --case gpt2 --against steepest-bf16,torch-compile-bf16 --rounds 2 --seconds 1
    bench steps-resnet50-compile 60 --case resnet50 --against steepest-bf16,torch-compile-bf16 --rounds 2 --seconds 1
  fi
fi

# ---- the summary
device=$("$root/$release/cuda-kernels" --load 2>/dev/null | grep -a -o '"device":"[^"]*"' | cut -d'"' -f4)
name=$( (nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null || echo 'no nvidia-smi') | head -1)
failed=0
{
  printf '{"date":"%s","gpu":' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
  printf '%s' "$name" | json_string
  printf ',"device":"%s","smoke":%s,"parts":{' "${device:-none}" "$([ -n "$smoke" ] && echo true || echo false)"
  comma=
  for entry in "${parts[@]}"; do
    IFS='|' read -r part state status seconds <<<"$entry"
    printf '%s\n"%s":{"state":"%s","status":%s,"seconds":%s' "$comma" "$part" "$state" "$status" "$seconds"
    if [ -s "$out/$part.jsonl" ]; then printf ',"results":[%s]' "$(paste -sd, "$out/$part.jsonl")"; fi
    printf ',"log":'
    grep -a -v '^{.*}$' "$out/$part.log" | tail -c 4000 | json_string
    printf '}'
    comma=,
  done
  printf '\n}}\n'
} >"$out/summary.json"
for entry in "${parts[@]}"; do
  case $entry in *'|passed|'* | *'|left out|'*) ;; *) failed=$((failed + 1)) ;; esac
done
echo "$out/summary.json: ${#parts[@]} parts, $failed failed"
[ "$failed" = 0 ]
