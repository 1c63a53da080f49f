"""PyTorch beside single kernels of ours: pointwise traffic, products, attention, convolutions, AdamW. A line of JSON for each.

usage: torch_gpu.py [--device cuda:0] [--small]
"""
import argparse
import itertools
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
warm_up, one_round, rounds = (0, 0, 1) if small else (0.2, 0.02, 5)


far = 128 << 20  # bytes


def wait():
    if on_gpu:
        torch.cuda.synchronize(device)


def seconds(work):
    """A call's time, as bench/native/cuda_kernels.cc takes it: of rounds of many calls between two waits the median, with clocks up."""
    def round_of(times):
        wait()
        began = time.perf_counter()
        for _ in range(times):
            work()
        wait()
        return (time.perf_counter() - began) / times

    round_of(1)  # compiles, chooses algorithms, allocates
    began, times = time.perf_counter(), 1
    took = round_of(times)
    while time.perf_counter() - began < warm_up:
        times = max(1, min(100_000, round(one_round / max(took, 1e-9))))
        took = round_of(times)
    return sorted(round_of(times) for _ in range(rounds))[rounds // 2]


def say(name, make, sizes, flops=0, moved=0, held=far):
    """`make` returns what is measured, with arrays of its own, which take `held` bytes."""
    try:
        # in turns on copies that no L2 holds together, as cuda_kernels.cc does it
        copies = itertools.cycle([make() for _ in range(1 if small else max(1, min(16, -(-far // held))))])
        took = seconds(lambda: next(copies)())
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
    say('map eager', lambda: lambda: torch.addcmul(c, a, b, out=out), [count], 2 * count, 16 * count)
    compiled = torch.compile(lambda a, b, c: torch.relu(a * b + c))
    say('map compile', lambda: lambda: compiled(a, b, c), [count], 3 * count, 16 * count)


def products():
    shapes = [(33, 47, 29)] if small else [
        (8192, 8192, 8192),
        # GPT-2: 8 x 1024 symbols to queries, keys and values; back; hidden; output; classifier
        (8192, 768, 2304), (8192, 768, 768), (8192, 768, 3072), (8192, 3072, 768), (8192, 768, 50304),
    ]
    exact = shapes if small else [(2048, 2048, 2048)]  # in float32: tf32 is off unless somebody asks for it
    # NT and TN: as in gradients of inputs and of weights
    inputs, weights = ([(33, 47, 29)], [(33, 47, 29)]) if small else ([(8192, 8192, 8192), (8192, 3072, 768)], [(8192, 8192, 8192), (768, 8192, 3072)])
    kinds = [('matmulBfloat16', shapes), ('matmulBfloat16NT', inputs), ('matmulBfloat16TN', weights), ('matmul', exact)]
    for name, sizes in kinds:
        dtype = torch.float32 if name == 'matmul' else torch.bfloat16
        for m, k, n in sizes:
            def make():
                a = numbers(k, m, dtype=dtype).t() if name.endswith('TN') else numbers(m, k, dtype=dtype)
                b = numbers(n, k, dtype=dtype).t() if name.endswith('NT') else numbers(k, n, dtype=dtype)
                out = torch.empty(m, n, device=device, dtype=dtype)
                return lambda: torch.mm(a, b, out=out)

            say(name, make, [m, k, n], 2 * m * k * n, held=dtype.itemsize * (m * k + k * n + m * n))


def attention():
    batch, steps, heads, features = (1, 9, 2, 8) if small else (8, 1024, 12, 64)
    sizes = [batch, steps, heads, features]
    flops = 2 * batch * heads * features * steps * (steps + 1)  # causal
    held = 2 * batch * steps * heads * features * 4

    def arrays():
        return (numbers(batch, heads, steps, features, dtype=torch.bfloat16, grad=True) for _ in range(3))

    def forward():
        q, k, v = arrays()
        return lambda: functional.scaled_dot_product_attention(q, k, v, is_causal=True)

    def both():
        q, k, v = arrays()
        upstream = torch.randn_like(q)
        return lambda: torch.autograd.grad(
            functional.scaled_dot_product_attention(q, k, v, is_causal=True), (q, k, v), upstream)

    with torch.no_grad():
        say('attention', forward, sizes, flops, held=held)
    say('attention and its gradient', both, sizes, 3.5 * flops, held=2 * held)


def convolutions():
    """3 x 3 convolutions of ResNet-50 and their gradients, channels last."""
    shapes = [(2, 9, 4, 6, 3, 2)] if small else [
        (128, 28, 128, 128, 3, 1), (128, 14, 256, 256, 3, 1), (128, 28, 256, 256, 3, 2), (128, 56, 64, 64, 3, 1)]
    torch.backends.cudnn.benchmark = True
    for images, edge, channels, filters, window, stride in shapes:
        sizes = [images, edge, channels, filters, window, stride]
        out = (edge + 2 * (window // 2) - window) // stride + 1
        flops = 2 * images * filters * out * out * channels * window * window
        held = 2 * images * (channels * edge * edge + filters * out * out)

        def arrays():
            return (numbers(*shape, dtype=torch.bfloat16).to(memory_format=torch.channels_last) for shape in [
                (images, channels, edge, edge), (filters, channels, window, window), (images, filters, out, out)])

        def forward():
            x, kernel, _ = arrays()
            return lambda: functional.conv2d(x, kernel, stride=stride, padding=window // 2)

        say('convBfloat16', forward, sizes, flops, held=held)
        for name, which in [('convInputGradBfloat16', 0), ('convKernelGradBfloat16', 1)]:
            wanted = [i == which for i in range(2)] + [False]

            def gradient():
                x, kernel, dy = arrays()
                return lambda: torch.ops.aten.convolution_backward(
                    dy, x, kernel, None, [stride] * 2, [window // 2] * 2, [1, 1], False, [0, 0], 1, wanted)

            say(name, gradient, sizes, flops, held=held)


def adamw():
    count = 1000 if small else 124_000_000
    weights = torch.nn.Parameter(numbers(count))
    weights.grad = numbers(count)
    optimizer = torch.optim.AdamW([weights], fused=True)
    say('adamw', lambda: optimizer.step, [count], 0, 28 * count)  # reads weights, gradients and two moments, writes all but gradients


version = f'{torch.__version__}, CUDA {torch.version.cuda}'
print(json.dumps({'torch': version, 'device': torch.cuda.get_device_name(device) if on_gpu else 'cpu'}), flush=True)
for part in (products, attention, convolutions, adamw, pointwise):
    try:
        part()
    except Exception as error:
        print(json.dumps({'kernel': part.__name__, 'error': str(error)[:500]}), flush=True)
