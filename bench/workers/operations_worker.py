"""Layers and operations alone, in PyTorch: those of ../operations.ts by the same names, and its protocol (operations.ts here)."""
import json
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

IMAGES, ROWS = (32, 32, 64), (128, 256)


class Call(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, x):
        return self.f(x)


class Sequences(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.layer = kind(128, 128, batch_first=True, **options)

    def forward(self, x):
        return self.layer(x)[0]


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(256, 256) for _ in range(4))

    def forward(self, x):
        batch, tokens, features = x.shape
        heads = [f(x).view(batch, tokens, 8, 32).transpose(1, 2) for f in (self.query, self.key, self.value)]
        y = F.scaled_dot_product_attention(*heads)
        return self.out(y.transpose(1, 2).reshape(batch, tokens, features))


class ConvNeXt(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(96, 96, 7, padding=3, groups=96)
        self.norm, self.wide, self.narrow = nn.LayerNorm(96), nn.Linear(96, 384), nn.Linear(384, 96)

    def forward(self, x):
        return self.narrow(F.gelu(self.wide(self.norm(self.conv(x).permute(0, 2, 3, 1)))))


def conv(size, inputs=64, outputs=64, stride=1, groups=1, dilation=1):
    options = dict(padding=size // 2 * dilation, groups=groups, dilation=dilation, bias=False)
    return nn.Conv2d(inputs, outputs, size, stride, **options)


def normalized(layer, channels, activation=nn.ReLU):
    return [layer, nn.BatchNorm2d(channels), activation()]


def mobile(stride):
    wide = normalized(conv(1, 32, 192), 192, nn.ReLU6)
    deep = normalized(conv(3, 192, 192, stride, 192), 192, nn.ReLU6)
    return [*wide, *deep, conv(1, 192, 32), nn.BatchNorm2d(32)]


def rows(f):
    return ROWS, 32, lambda: [Call(f)]


def recurrent(kind, **options):
    return (64, 128), 32, lambda: [Sequences(kind, **options)]


# (shape of a sample, channels last; batch; layers), where layers of images and of one axis take channels first
OPERATIONS = {
    'conv 1x1': (IMAGES, 16, lambda: [conv(1)]),
    'conv 1x1, stride 2': (IMAGES, 16, lambda: [conv(1, stride=2)]),
    'conv 3x3': (IMAGES, 16, lambda: [conv(3)]),
    'conv 3x3, stride 2': (IMAGES, 16, lambda: [conv(3, stride=2)]),
    'conv 3x3, dilation 2': (IMAGES, 16, lambda: [conv(3, dilation=2)]),
    'conv 3x3, 4 groups': (IMAGES, 16, lambda: [conv(3, groups=4)]),
    'conv 3x3, 32 groups': (IMAGES, 16, lambda: [conv(3, groups=32)]),
    'conv 5x5': (IMAGES, 16, lambda: [conv(5)]),
    'conv 5x5, 4 groups': (IMAGES, 16, lambda: [conv(5, groups=4)]),
    'conv 7x7, stride 2': (IMAGES, 16, lambda: [conv(7, stride=2)]),
    'conv 7x7, stride 2, of 3 channels': ((112, 112, 3), 8, lambda: [conv(7, 3, 64, 2)]),
    'conv 3x3 of 1 channel': ((28, 28, 1), 128, lambda: [conv(3, 1, 32)]),
    'conv 3x3, 512 channels': ((7, 7, 512), 8, lambda: [conv(3, 512, 512)]),
    'conv 9': ((256, 64), 32, lambda: [nn.Conv1d(64, 64, 9, padding=4, bias=False)]),
    'conv 3x3x3': ((16, 16, 16, 16), 8, lambda: [nn.Conv3d(16, 32, 3, padding=1, bias=False)]),
    'transposed conv 4x4, stride 2': (
        (16, 16, 64),
        16,
        lambda: [nn.ConvTranspose2d(64, 32, 4, 2, padding=1, bias=False)],
    ),
    'depthwise conv 3x3': (IMAGES, 64, lambda: [conv(3, groups=64)]),
    'depthwise conv 3x3, stride 2': (IMAGES, 64, lambda: [conv(3, stride=2, groups=64)]),
    'depthwise conv 7x7': (IMAGES, 64, lambda: [conv(7, groups=64)]),
    'separable conv 3x3': (IMAGES, 16, lambda: [conv(3, groups=64), conv(1)]),
    'bottleneck block': (
        (28, 28, 256),
        8,
        lambda: [
            *normalized(conv(1, 256), 64),
            *normalized(conv(3), 64),
            *normalized(conv(1, 64, 256), 256),
        ],
    ),
    'mobile block': ((28, 28, 32), 16, lambda: mobile(1)),
    'mobile block, stride 2': ((28, 28, 32), 16, lambda: mobile(2)),
    'ConvNeXt block': ((14, 14, 96), 16, lambda: [ConvNeXt()]),
    'max pooling 2x2': (IMAGES, 64, lambda: [nn.MaxPool2d(2)]),
    'max pooling 3x3, stride 2': (IMAGES, 64, lambda: [nn.MaxPool2d(3, 2, 1)]),
    'average pooling 2x2': (IMAGES, 64, lambda: [nn.AvgPool2d(2)]),
    'global average pooling': (IMAGES, 64, lambda: [nn.AdaptiveAvgPool2d(1)]),
    'global max pooling': (IMAGES, 64, lambda: [nn.AdaptiveMaxPool2d(1)]),
    'adaptive average pooling to 7x7': (IMAGES, 64, lambda: [nn.AdaptiveAvgPool2d(7)]),
    'adaptive average pooling to 8x8': (IMAGES, 64, lambda: [nn.AdaptiveAvgPool2d(8)]),
    'upsampling, nearest': ((16, 16, 64), 64, lambda: [nn.Upsample(scale_factor=2)]),
    'upsampling, bilinear': ((16, 16, 64), 64, lambda: [nn.Upsample(scale_factor=2, mode='bilinear')]),
    'batch normalization': (IMAGES, 64, lambda: [nn.BatchNorm2d(64)]),
    'group normalization': (IMAGES, 64, lambda: [nn.GroupNorm(8, 64)]),
    'instance normalization': (IMAGES, 64, lambda: [nn.InstanceNorm2d(64, affine=True)]),
    'layer normalization': (ROWS, 32, lambda: [nn.LayerNorm(256)]),
    'RMS normalization': (ROWS, 32, lambda: [nn.RMSNorm(256)]),
    'softmax': rows(lambda x: x.softmax(-1)),
    'log-softmax': rows(lambda x: x.log_softmax(-1)),
    'relu': rows(F.relu),
    'sigmoid': rows(torch.sigmoid),
    'tanh': rows(torch.tanh),
    'elu': rows(F.elu),
    'selu': rows(F.selu),
    'softplus': rows(F.softplus),
    'silu': rows(F.silu),
    'mish': rows(F.mish),
    'gelu': rows(F.gelu),
    'LSTM': recurrent(nn.LSTM),
    'LSTM, both ways': recurrent(nn.LSTM, bidirectional=True),
    'GRU': recurrent(nn.GRU),
    'simple RNN': recurrent(nn.RNN),
    'attention': (ROWS, 16, lambda: [Attention()]),
    'attention, 1024 tokens': ((1024, 256), 2, lambda: [Attention()]),
    'transformer encoder': (ROWS, 16, lambda: [nn.TransformerEncoderLayer(256, 8, 1024, 0.0, batch_first=True)]),
    'sort': rows(lambda x: x.sort(-1)[0]),
    'top 8': rows(lambda x: x.topk(8)[0]),
    # of the two in the middle PyTorch takes the lower one, steepest their mean
    'median': rows(lambda x: x.median(-1)[0]),
    'cumsum': rows(lambda x: x.cumsum(-1)),
    'transpose': rows(lambda x: x.transpose(1, 2).contiguous()),
    'concatenate': rows(lambda x: torch.cat([x, x * x], -1)),
    'variance': rows(lambda x: x.var(-1, correction=0)),
    'prod': rows(lambda x: x.prod(-1)),
    'dropout': (ROWS, 32, lambda: [nn.Dropout(0.1)]),
    'Gaussian noise': rows(lambda x: x + torch.randn_like(x) * 0.1),
}


def steps_of(name):
    """A step in each order of the channels that its layers can have: PyTorch is measured at its best."""
    shape, batch, make = OPERATIONS[name]
    if len(shape) == 2 and name != 'conv 9':
        return [step_of(make, torch.rand(batch, *shape) - 0.5, torch.ones(shape[-1]), None)]
    x = (torch.rand(batch, *shape) - 0.5).movedim(-1, 1).contiguous()
    factor = torch.ones(shape[-1], *[1] * (len(shape) - 1))
    formats = [torch.contiguous_format, torch.channels_last] if len(shape) == 3 else [torch.contiguous_format]
    return [step_of(make, x, factor.clone(), memory_format) for memory_format in formats]


def step_of(make, x, factor, memory_format):
    model = nn.Sequential(*make())
    if memory_format is torch.channels_last:
        x, model = x.to(memory_format=memory_format), model.to(memory_format=memory_format)
    factor.requires_grad_(True)
    optimizer = torch.optim.SGD([factor, *model.parameters()], lr=1e-6, fused=True)

    def step():
        optimizer.zero_grad()
        y = model(x * factor)
        # without flattening, which copies where channels come last
        y.square().mean(tuple(range(1, y.dim()))).square().mean().backward()
        optimizer.step()

    step()
    return step


def median_of(step, seconds):
    times = []
    now = time.perf_counter()
    end = now + seconds
    while now < end or len(times) < 3:
        step()
        after = time.perf_counter()
        times.append(1000 * (after - now))
        now = after
    times.sort()
    return times[len(times) // 2]


def main():
    print(json.dumps({'framework': 'torch', 'operations': list(OPERATIONS)}), flush=True)
    prepared = {}
    for line in sys.stdin:
        request = json.loads(line)
        name = request['operation']
        if name not in prepared:
            prepared[name] = steps_of(name)
        print(json.dumps({'ms': min(median_of(step, request['seconds']) for step in prepared[name])}), flush=True)


if __name__ == '__main__':
    main()
