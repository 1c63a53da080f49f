"""PyTorch beside single kernels of ours: pointwise traffic, products, attention, AdamW. A line of JSON for each.

usage: torch_gpu.py [--device cuda:0] [--small]
"""
import argparse
import json
import time

import torch
from torch.nn import functional

parser = argparse.ArgumentParser()
parser.add_argument('--device', default='cuda:0')
parser.add_argument('--small', action='store_true', help='tiny sizes, to try the program')
arguments = parser.parse_args()
device = torch.device(arguments.device)
on_gpu = device.type == 'cuda'
small = arguments.small
turns = 3 if small else 20


def wait():
    if on_gpu:
        torch.cuda.synchronize(device)


def seconds(work):
    """The median time of a call: by events on a GPU, each call between two of them."""
    for _ in range(3):
        work()
    wait()
    times = []
    for _ in range(turns):
        if on_gpu:
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            work()
            end.record()
            wait()
            times.append(begin.elapsed_time(end) * 1e-3)
        else:
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
    return sorted(times)[turns // 2]


def say(name, work, sizes, flops=0, moved=0):
    try:
        took = seconds(work)
        result = {'us': took * 1e6, 'gflop_per_s': flops / took / 1e9, 'gbytes_per_s': moved / took / 1e9}
        result = {key: float(f'{value:.5g}') for key, value in result.items()}
    except Exception as error:  # the others go on
        result = {'error': str(error)[:500]}
    print(json.dumps({'kernel': name, 'sizes': sizes, **result}), flush=True)


def numbers(*shape, dtype=torch.float32, grad=False):
    return torch.randn(shape, device=device).to(dtype).requires_grad_(grad)


def pointwise():
    count = 1000 if small else 1 << 26
    a, b, c = (numbers(count) for _ in range(3))
    out = torch.empty_like(a)
    say('map eager', lambda: torch.addcmul(c, a, b, out=out), [count], 2 * count, 16 * count)
    compiled = torch.compile(lambda a, b, c: torch.relu(a * b + c))
    say('map compile', lambda: compiled(a, b, c), [count], 3 * count, 16 * count)


def products():
    shapes = [(33, 47, 29)] if small else [
        (8192, 8192, 8192),
        # GPT-2: 8 x 1024 symbols to queries, keys and values; back; hidden; output; classifier
        (8192, 768, 2304), (8192, 768, 768), (8192, 768, 3072), (8192, 3072, 768), (8192, 768, 50304),
    ]
    for dtype, name in [(torch.bfloat16, 'matmulBfloat16'), (torch.float32, 'matmul')]:
        for m, k, n in shapes:
            if dtype == torch.float32 and m * k * n > 1 << 36:
                continue
            a, b = numbers(m, k, dtype=dtype), numbers(k, n, dtype=dtype)
            out = torch.empty(m, n, device=device, dtype=dtype)
            say(name, lambda: torch.mm(a, b, out=out), [m, k, n], 2 * m * k * n)


def attention():
    batch, steps, heads, features = (1, 9, 2, 8) if small else (8, 1024, 12, 64)
    sizes = [batch, steps, heads, features]
    q, k, v = (numbers(batch, heads, steps, features, dtype=torch.bfloat16, grad=True) for _ in range(3))
    upstream = torch.randn_like(q)
    flops = 2 * batch * heads * features * steps * (steps + 1)  # causal

    def forward():
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True)

    def both():
        torch.autograd.grad(forward(), (q, k, v), upstream)

    with torch.no_grad():
        say('attention', forward, sizes, flops)
    say('attention and its gradient', both, sizes, 3.5 * flops)


def adamw():
    count = 1000 if small else 124_000_000
    weights = torch.nn.Parameter(numbers(count))
    weights.grad = numbers(count)
    optimizer = torch.optim.AdamW([weights], fused=True)
    say('AdamW', optimizer.step, [count], 0, 28 * count)  # reads four arrays, writes three


version = f'{torch.__version__}, CUDA {torch.version.cuda}'
print(json.dumps({'torch': version, 'device': torch.cuda.get_device_name(device) if on_gpu else 'cpu'}), flush=True)
for part in (pointwise, products, attention, adamw):
    try:
        part()
    except Exception as error:
        print(json.dumps({'kernel': part.__name__, 'error': str(error)[:500]}), flush=True)
