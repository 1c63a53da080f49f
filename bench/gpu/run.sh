#!/usr/bin/env bash
# Everything to know about a machine with an NVIDIA GPU, in one command and under ten minutes:
#
#   npm run build:gpu-bench            # once
#   bench/gpu/run.sh [--smoke] [--only part,part] [OUT]     # OUT is out/gpu unless given
#
# For a machine without Node, npm or a network, bench/gpu/pack.sh makes an archive of what was built, with a Node: unpack it there in a
# copy of the repository (tar xJf .gpu/steepest-gpu.tar.xz), then run this.
#
# First whether results are right (kernels, golden cases, the case list, the test suite), then what the machine can do, kernels, and
# training steps beside PyTorch. Each part has a time limit of its own, all have one together, and none stops the others, whether it
# fails, crashes or hangs. OUT gets summary.json with all that is known: it is written again after each part, so that it is there and
# whole whenever this is killed. report.md says it for people: what is wrong, by kernel, case and test, then speeds beside the goals and
# PyTorch (node out/bench/gpu/report.js OUT writes it from a summary); and logs.tar.gz has what the parts printed. Exits with 1 when a
# part failed.
#
#   STEEPEST_NODE           the Node to use, instead of the one on PATH
#   STEEPEST_PEERS_PYTHON   a Python with PyTorch, which is measured in turns with ours
#   STEEPEST_DEVICE         cuda:0 unless given
#   STEEPEST_GOLDEN         a folder of golden cases; out/golden unless given, or test/golden/data where that is not there
#   STEEPEST_SECONDS        for all parts together, 570 unless given: what comes later has less time, or none
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
logs=$(mktemp -d) || exit 2
trap 'rm -rf "$logs"' EXIT
cd "$root" || exit 2
export STEEPEST_DEVICE=${STEEPEST_DEVICE:-cuda:0}
node=${STEEPEST_NODE:-$(command -v node || { [ -x out/node ] && echo "$root/out/node"; } || true)}
golden=${STEEPEST_GOLDEN:-$([ -d out/golden ] && echo out/golden || echo test/golden/data)}
# Checks spend most of their time on the CPU.
processes=$(($(nproc) > 3 ? ($(nproc) > 16 ? 16 : $(nproc)) / 2 : 1))
release=${STEEPEST_RELEASE:-build/Release}
parts=()
deadline=$((SECONDS + ${STEEPEST_SECONDS:-570}))
stopped=
trap 'stopped=1' TERM INT HUP

# ---- processes that end in time

# bounded SECONDS COMMAND...: status 124 when it was out of time, 125 when it does not even end then. What it leaves behind goes with it:
# it is the leader of a group.
bounded() {
  local end=$((SECONDS + $1)) status late=
  shift
  setsid "$@" </dev/null &
  local leader=$!
  while kill -0 "$leader" 2>/dev/null; do
    if [ -z "$late" ] && { [ -n "$stopped" ] || [ "$SECONDS" -ge "$end" ]; }; then
      late=1 end=$((SECONDS + 4))
      kill -TERM -- "-$leader" 2>/dev/null
      kill -CONT -- "-$leader" 2>/dev/null
    elif [ "$late" = 1 ] && [ "$SECONDS" -ge "$end" ]; then
      late=2 end=$((SECONDS + 3))
      kill -KILL -- "-$leader" 2>/dev/null
    elif [ "$late" = 2 ] && [ "$SECONDS" -ge "$end" ]; then
      return 125
    fi
    sleep 0.1
  done
  wait "$leader" 2>/dev/null
  status=$?
  kill -KILL -- "-$leader" 2>/dev/null
  [ -n "$late" ] && return 124
  return "$status"
}

# ---- what is known, as JSON

# As a string of JSON.
json_string() { printf '"'; LC_ALL=C tr -d '\000-\010\013-\037\177-\377' | awk '{ gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); gsub(/\t/, " "); printf "%s%s", (NR > 1 ? "\\n" : ""), $0 }'; printf '"'; }

# The lines that are JSON. What is no number there (C and Python print it so) is null.
json_lines() {
  LC_ALL=C grep -a '^{.*}$' | LC_ALL=C sed -E 's/([:[,] ?)-?(nan|inf|NaN|Infinity)([],}])/\1null\3/g' | if [ -n "$node" ]; then
    "$node" -e '
      for (const line of require("node:fs").readFileSync(0, "latin1").split("\n")) {
        try { JSON.parse(line); console.log(line); } catch {}
      }'
  else
    cat
  fi
}

# Of all parts so far, and the one that runs.
write_summary() {
  local comma='' part state status seconds
  {
    printf '{"date":"%s","gpu":' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    printf '%s' "${gpu:-no nvidia-smi}" | json_string
    printf ',"device":"%s","smoke":%s' "${device:-none}" "$([ -n "$smoke" ] && echo true || echo false)"
    printf ',"running":"%s","stopped":%s,"parts":{' "${1:-}" "$([ -n "$stopped" ] && echo true || echo false)"
    for entry in ${parts[@]+"${parts[@]}"}; do
      IFS='|' read -r part state status seconds <<<"$entry"
      printf '%s\n"%s":{"state":"%s","status":%s,"seconds":%s' "$comma" "$part" "$state" "$status" "$seconds"
      if [ -s "$logs/$part.jsonl" ]; then printf ',"results":[%s]' "$(paste -sd, "$logs/$part.jsonl")"; fi
      printf ',"log":'
      # all that failed, and the end
      { LC_ALL=C grep -a '^FAILED' "$logs/$part.log" | head -c 2000; LC_ALL=C grep -a -v '^{.*}$' "$logs/$part.log" | tail -c 8000; } | json_string
      printf '}'
      comma=,
    done
    printf '\n}}\n'
  } >"$out/summary.json.new" && mv "$out/summary.json.new" "$out/summary.json"
}

# part NAME SECONDS NEEDS COMMAND...: runs it within its time, unless what it needs (a file, or nothing) is not there.
# What it prints is kept: lines of JSON, and the rest.
part() {
  local name=$1 limit=$2 needs=$3 began=$SECONDS status=0 state='left out' left=$((deadline - SECONDS))
  shift 3
  case ",$only," in ,,|*",$name,"*) ;; *) return 0 ;; esac
  rm -f "$logs/$name.jsonl"
  if [ -n "$stopped" ]; then
    echo 'left out: stopped by a signal' >"$logs/$name.log"
  elif [ "$needs" != - ] && [ ! -e "$needs" ]; then
    echo "left out: there is no ${needs:-Node (STEEPEST_NODE names one)}" >"$logs/$name.log"
  elif [ "$left" -lt 3 ]; then
    echo 'left out: the time for all parts is over' >"$logs/$name.log"
  else
    write_summary "$name"
    bounded "$((limit < left ? limit : left))" "$@" >"$logs/$name.log" 2>&1
    status=$?
    json_lines <"$logs/$name.log" >"$logs/$name.jsonl"
    [ -s "$logs/$name.jsonl" ] || rm -f "$logs/$name.jsonl"
    case $status in
      0) state=passed ;;
      124) state='out of time' ;;
      125) state='does not end' ;;
      *) state=failed ;;
    esac
    [ -n "$stopped" ] && state=stopped
  fi
  parts+=("$name|$state|$status|$((SECONDS - began))")
  echo "$name: $state ($((SECONDS - began)) s)"
  write_summary
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

# suite NAME SECONDS PATTERN: the tests whose paths in test/ have it
suite() {
  node_part "$1" "$2" node_modules/jest/bin/jest.js --config bench/gpu/suite/jest.config.js --maxWorkers "$processes" "$root/test/$3"
}

# each_of SECONDS LINES COMMAND...: the command with the words of each line, in a process and a time of its own.
each_of() {
  local seconds=$1 lines=$2 line failed=0 status
  shift 2
  while read -r line; do
    # shellcheck disable=SC2086
    timeout -k 2 "$seconds" "$@" $line
    status=$?
    if [ "$status" != 0 ]; then
      echo "FAILED $line: $([ "$status" = 124 ] || [ "$status" = 137 ] && echo "no end after $seconds s" || echo "status $status")"
      failed=1
    fi
  done <<<"$lines"
  return "$failed"
}
export -f each_of

gpu_state() {
  nvidia-smi --query-gpu=name,driver_version,memory.total,power.limit,clocks.sm,clocks.mem,clocks.max.sm,temperature.gpu --format=csv
  nvidia-smi -q -d CLOCK,POWER,PERFORMANCE
  nproc
  uname -r
  grep -m1 'model name' /proc/cpuinfo || true
}
export -f gpu_state

# ---- the machine, and starting
part machine 10 "$(command -v nvidia-smi || echo nvidia-smi)" bash -c gpu_state
gpu=$(sed -n 2p "$logs/machine.log" 2>/dev/null | cut -d, -f1)
case $gpu in *' '*) ;; *) gpu= ;; esac
part load 20 "$release/cuda-kernels" "$release/cuda-kernels" --load --device "$STEEPEST_DEVICE"
device=$(grep -a -o '"device":"[^"]*"' "$logs/load.log" 2>/dev/null | cut -d'"' -f4)
node_part start 20 out/bench/gpu/start.js

# ---- whether results are right
families=$(printf '%s\n' map adamw reduce softmax normalize matmul matmulBfloat16{,NT,TN} attention attentionBfloat16 \
  attentionGradBfloat16 convBfloat16 convInputGradBfloat16 convKernelGradBfloat16)
# tests of what a device does for models; others are about the graph, the CPU, files
of_models='(training|layers|optimizers|losses|metrics|runtime|cuda|transforms|constraints|regularizers|initializers|schedules)/'
if [ -n "$smoke" ]; then
  part kernels 60 "$release/cuda-kernels" bash -c 'each_of 3 "$1" "$2" --small --device "$3"' - "$families" "$release/cuda-kernels" "$STEEPEST_DEVICE"
  node_part cases 60 out/cuda-cases.js --draws 1 --every 60 --each 5
  node_part golden 20 out/test/golden/main.js "$golden" --seconds 4
  suite suite 60 '(runtime|regularizers)/'
else
  part kernels 40 "$release/cuda-kernels" bash -c 'each_of 8 "$1" "$2" --repeat 5 --device "$3"' - "$families" "$release/cuda-kernels" "$STEEPEST_DEVICE"
  node_part golden 45 out/test/golden/main.js "$golden" --seconds 40 --processes "$processes"
  STEEPEST_CUDA_SEQUENCES=0 node_part cases 55 out/cuda-cases.js --seconds 45 --processes "$processes"
  suite suite 90 "$of_models"
  # small products through the kernels for large ones: all forms of operands, around the edges of tiles; Wgmma is those of convolutions
  for kernel in wgmma mma Wgmma; do
    STEEPEST_CUDA_PRODUCTS=$kernel node_part "cases-$kernel" 13 out/cuda-cases.js --only bfloat16 --draws 2 --seconds 10 --processes "$processes"
  done
  STEEPEST_CUDA_PRODUCTS=attentionWgmma node_part cases-attention 10 out/cuda-cases.js --only attention --draws 2 --seconds 8 --processes "$processes"
  # loops over time in one launch, by blocks alone and in clusters
  for members in 1 2; do
    STEEPEST_CUDA_LOOPS=$members node_part "cases-loops-$members" 10 out/cuda-cases.js --only recurrent --draws 2 --seconds 8 --processes "$processes"
  done
  # all that can be parts of one launch, by a block, a cluster, and blocks everywhere; steps of training as well
  for blocks in 1 8 grid; do
    STEEPEST_CUDA_SEQUENCES=$blocks node_part "cases-sequences-$blocks" 15 out/cuda-cases.js --draws 1 --every 3 --seconds 12 --processes "$processes"
  done
fi

# ---- what the machine can do, by CUDA's own runtime, which knows only real devices
[ -n "$smoke" ] || part limits 30 "$release/cuda-limits" "$release/cuda-limits" "${STEEPEST_DEVICE#cuda:}"

# ---- speed of single kernels, in turns with PyTorch
python=
with_torch() { bounded 30 "$1" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; }
if [ -z "$smoke" ] && [ -z "$stopped" ]; then
  tried=
  for candidate in "${STEEPEST_PEERS_PYTHON:-}" python3 python; do
    candidate=$(command -v "${candidate:-none}") || continue
    file=$(readlink -f "$candidate")
    case $tried in *"|$candidate|$file|"*) continue ;; esac
    tried="$tried|$candidate|$file|"
    if with_torch "$candidate"; then
      python=$candidate
      export STEEPEST_PEERS_PYTHON=$python
      break
    fi
  done
  echo "PyTorch: ${python:-none that sees a GPU}"
fi
# GPT-2: 8 x 1024 symbols to queries, keys and values; back; hidden; output; classifier. NT and TN: as in gradients of inputs and weights
work='matmulBfloat16 8192 8192 8192
matmulBfloat16NT 8192 8192 8192
matmulBfloat16TN 8192 8192 8192
matmulBfloat16 8192 768 2304
matmulBfloat16 8192 768 768
matmulBfloat16 8192 768 3072
matmulBfloat16 8192 3072 768
matmulBfloat16 8192 768 50304
matmulBfloat16NT 8192 3072 768
matmulBfloat16TN 768 8192 3072
attentionBfloat16 8 1024 12 64
attentionGradBfloat16 8 1024 12 64
map 67108864
adamw 124000000
matmul 2048 2048 2048
attention 8 1024 12 64'
profiled='matmulBfloat16 8192 8192 8192
attentionBfloat16 8 1024 12 64
attentionGradBfloat16 8 1024 12 64
convBfloat16 128 28 128 128 3 1'
# Attention, and some 3 x 3 convolutions of ResNet-50, by both kinds of kernels
attention=$(printf '%s\n' attention{,Grad}Bfloat16\ {8\ 1024\ 12\ 64,4\ 2048\ 8\ 128})
convolutions=$(printf '%s\n' conv{,InputGrad,KernelGrad}Bfloat16\ 128\ {28\ 128\ 128\ 3\ 1,14\ 256\ 256\ 3\ 1,28\ 256\ 256\ 3\ 2,56\ 64\ 64\ 3\ 1})
speed() {
  part "speed-$1" 45 "$release/cuda-kernels" bash -c 'each_of 8 "$1" "$2" --device "$3"' - "$work" "$release/cuda-kernels" "$STEEPEST_DEVICE"
  if [ -n "$python" ]; then part "speed-torch-$1" 30 - "$python" bench/gpu/torch_gpu.py --device "$STEEPEST_DEVICE"; fi
}
[ -n "$smoke" ] || speed 1

# ---- training steps, in turns with PyTorch
if [ -n "$smoke" ]; then
  bench steps 30 --case b --against steepest --rounds 1 --seconds 0.01
  bench steps-bottlenecks 30 --case bottlenecks --against steepest-bf16 --rounds 1 --seconds 0.01
  STEEPEST_CUDA_SEQUENCES=grid bench steps-small-grid 30 --case b --against steepest --rounds 1 --seconds 0.01
  node_part profile 30 out/bench/gpu/profile.js c float32 1
else
  # whether graphs and clusters are what runs, or were refused and something slower took their place
  STEEPEST_CUDA_STRICT=1 bench steps-strict 15 --case mnist,i --against steepest --rounds 1 --seconds 0.1
  peers=${python:+,torch,torch-compile,torch-graph}
  bfloat16=${python:+,torch-bf16,torch-graph-bf16}
  bench steps-gpt2 75 --case gpt2 --against "steepest-bf16$bfloat16" --rounds 3 --seconds 1
  bench steps-mnist 40 --case mnist,d --against "steepest$peers" --rounds 3 --seconds 0.5
  bench steps-resnet50 60 --case resnet50 --against "steepest-bf16$bfloat16" --rounds 3 --seconds 1
  bench steps-cifar 50 --case cifar --against "steepest$peers" --rounds 3 --seconds 1
  for way in Wgmma Mma; do
    STEEPEST_CUDA_PRODUCTS=attention$way part "speed-attention-$way" 15 "$release/cuda-kernels" \
      bash -c 'each_of 8 "$1" "$2" --device "$3"' - "$attention" "$release/cuda-kernels" "$STEEPEST_DEVICE"
    STEEPEST_CUDA_PRODUCTS=$way part "speed-convolutions-$way" 25 "$release/cuda-kernels" \
      bash -c 'each_of 8 "$1" "$2" --device "$3"' - "$convolutions" "$release/cuda-kernels" "$STEEPEST_DEVICE"
  done
  node_part profile 30 out/bench/gpu/profile.js mnist,cifar,gpt2 mixedBfloat16
  # one after the other, as both may not fit the GPU: 25 GB of weights and moments each
  bench steps-gpt2xl 70 --case gpt2xl --against steepest-bf16 --rounds 3 --seconds 1
  if [ -n "$python" ]; then bench steps-gpt2xl-torch 60 --case gpt2xl --against torch-bf16 --rounds 3 --seconds 1; fi
  # an LSTM: launches for each step, one for all of them by blocks alone and by clusters, and what is chosen
  for members in 0 1 8 ''; do
    STEEPEST_CUDA_LOOPS=$members bench "steps-lstm${members:+-$members}" 10 --case i --against steepest --rounds 3 --seconds 0.5
  done
  # small steps: a launch for each group of instructions, one for all by blocks everywhere or by a cluster, and what is chosen
  for blocks in 0 grid 8 ''; do
    STEEPEST_CUDA_SEQUENCES=$blocks bench "steps-small${blocks:+-$blocks}" 15 --case mnist,a,b --against steepest --rounds 3 --seconds 0.3
  done
  speed 2
fi

# ---- with what time is left: races and accesses, what limits kernels, torch.compile, which takes long to start, all other tests, and
# the driver's assembler alone, which takes longest
if [ -z "$smoke" ]; then
  sanitizer=$(command -v compute-sanitizer || echo compute-sanitizer)
  # on some virtual machines it refuses every device
  if [ -e "$sanitizer" ] && [ -z "$stopped" ] && [ "$SECONDS" -lt "$deadline" ]; then
    case $(bounded 15 "$sanitizer" "$release/cuda-kernels" --small map 2>&1) in
      *'not supported'*) sanitizer='compute-sanitizer that supports this device' ;;
    esac
  fi
  # each kernel in a process of its own: what one of them does wrong hides no other
  sanitize() {
    local name=$1 seconds=$2
    shift 2
    part "$name" "$seconds" "$sanitizer" bash -c 'each_of 20 "$1" "${@:2}"' - "$families" "$sanitizer" "$@" "$release/cuda-kernels" --small
  }
  sanitize sanitizer-races 45 --error-exitcode 9 --tool racecheck
  sanitize sanitizer 30 --error-exitcode 9
  STEEPEST_CUDA_PRODUCTS=Wgmma part sanitizer-convolutions 20 "$sanitizer" \
    "$sanitizer" --error-exitcode 9 "$release/cuda-kernels" --repeat 1 convInputGradBfloat16 2 9 68 20 3 2
  STEEPEST_CUDA_PRODUCTS=attentionWgmma part sanitizer-attention 20 "$sanitizer" \
    "$sanitizer" --error-exitcode 9 "$release/cuda-kernels" --repeat 1 attentionGradBfloat16 1 140 2 64
  # it may need rights that nobody here has: nothing is wrong then
  part ncu 45 "$(command -v ncu || echo ncu)" bash -c 'each_of 15 "$1" "${@:2}" || true' - "$profiled" \
    ncu --clock-control none --launch-count 4 --section SpeedOfLight --section Occupancy --section LaunchStats "$release/cuda-kernels" --repeat 1
  if [ -n "$python" ]; then
    bench steps-gpt2-compile 60 --case gpt2 --against steepest-bf16,torch-compile-bf16 --rounds 3 --seconds 1
    bench steps-resnet50-compile 60 --case resnet50 --against steepest-bf16,torch-compile-bf16 --rounds 3 --seconds 1
    bench steps-gpt2-autotune 120 --case gpt2 --against steepest-bf16,torch-max-autotune-bf16 --rounds 3 --seconds 1
  fi
fi
[ -n "$smoke" ] || suite suite-others 60 "(?!$of_models)"
part load-ptx 90 "$release/cuda-kernels" env CUDA_FORCE_PTX_JIT=1 CUDA_CACHE_DISABLE=1 "$release/cuda-kernels" --load

failed=0
for entry in ${parts[@]+"${parts[@]}"}; do
  case $entry in *'|passed|'* | *'|left out|'*) ;; *) failed=$((failed + 1)) ;; esac
done
write_summary
tar -C "$logs" -czf "$out/logs.tar.gz" . || failed=$((failed + 1))
rm -f "$out/report.md"
if [ -n "$node" ] && [ -e out/bench/gpu/report.js ]; then "$node" out/bench/gpu/report.js "$out"; fi
echo "$out/summary.json: ${#parts[@]} parts, $failed failed"
[ "$failed" = 0 ]
