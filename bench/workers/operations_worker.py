"""Layers and operations alone, in PyTorch: those of ../operations.ts by the same names, and its protocol (operations.ts here)."""
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
from modules import Around, Attention, Call, Sequences
from networks import NETWORKS
from protocol import serve

IMAGES, ROWS = (32, 32, 64), (128, 256)
MIXED = (torch.arange(256) * 37 + 11) % 256


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


def dense(*after, bias=True, around=lambda layer: layer, **options):
    return (1024,), 256, lambda: [around(nn.Linear(1024, 1024, bias=bias)), *after], options


def values(loss):
    """A loss of as many numbers as there are targets."""
    return ROWS, 32, lambda: [], {'loss': loss, 'targets': lambda: torch.rand(32, *ROWS)}


def classified(shape, batch):
    def loss(y, labels):
        return F.cross_entropy(y.flatten(0, 1), labels.flatten())

    return shape, batch, lambda: [], {'loss': loss, 'targets': lambda: torch.randint(0, shape[-1], (batch, shape[0]))}


def ctc():
    lengths = torch.full((16,), ROWS[0]), torch.full((16,), 20)

    def loss(y, words):
        return F.ctc_loss(y.log_softmax(-1).transpose(0, 1), words, *lengths)

    return ROWS, 16, lambda: [], {'loss': loss, 'targets': lambda: torch.randint(1, ROWS[1], (16, 20))}


def updated(make, clip=None, **options):
    return (1024,), 8, lambda: [nn.Linear(1024, 4096, bias=False)], {
        'optimizer': lambda weights: make(weights, lr=1e-6, **options),
        'clip': clip,
    }


def embedded(make, sparse=False, **options):
    return (128,), 32, lambda: [nn.Embedding(32_000, 256, sparse=sparse)], {
        'below': 32_000,
        'optimizer': lambda weights: make(weights, lr=1e-6, **options),
    }


def recurrent(kind, **options):
    return (64, 128), 32, lambda: [Sequences(kind(128, 128, batch_first=True, **options))]


# (shape of a sample, channels last; batch; layers; and what else differs), where layers of images and of one axis take channels first
OPERATIONS = {
    'dense': dense(bias=False),
    'dense, bias': dense(),
    'dense, bias, relu': dense(nn.ReLU()),
    'dense, bias, gelu': dense(nn.GELU()),
    'dense, bias, residual': dense(around=lambda layer: Around([layer])),
    'dense, bias, dropout': dense(nn.Dropout(0.1)),
    'dense, bias, relu, Adam': dense(
        nn.ReLU(),
        optimizer=lambda weights: torch.optim.Adam(weights, lr=1e-6, fused=True),
    ),
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
    'depthwise conv 5x5': (IMAGES, 64, lambda: [conv(5, groups=64)]),
    'depthwise conv 7x7': (IMAGES, 64, lambda: [conv(7, groups=64)]),
    'depthwise conv 9': ((256, 64), 64, lambda: [nn.Conv1d(64, 64, 9, padding=4, groups=64, bias=False)]),
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
    'average pooling 3x3, stride 1': (IMAGES, 64, lambda: [nn.AvgPool2d(3, 1, 1, count_include_pad=False)]),
    'global average pooling': (IMAGES, 64, lambda: [nn.AdaptiveAvgPool2d(1)]),
    'global max pooling': (IMAGES, 64, lambda: [nn.AdaptiveMaxPool2d(1)]),
    'adaptive average pooling to 7x7': (IMAGES, 64, lambda: [nn.AdaptiveAvgPool2d(7)]),
    'adaptive average pooling to 8x8': (IMAGES, 64, lambda: [nn.AdaptiveAvgPool2d(8)]),
    'upsampling, nearest': ((16, 16, 64), 64, lambda: [nn.Upsample(scale_factor=2)]),
    'upsampling, bilinear': ((16, 16, 64), 64, lambda: [nn.Upsample(scale_factor=2, mode='bilinear')]),
    'resizing, bilinear': (IMAGES, 64, lambda: [nn.Upsample((48, 40), mode='bilinear')]),
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
    'GRU, both ways': recurrent(nn.GRU, bidirectional=True),
    'simple RNN': recurrent(nn.RNN),
    'attention': (ROWS, 16, lambda: [Attention(256, 8)]),
    'attention, 1024 tokens': ((1024, 256), 2, lambda: [Attention(256, 8)]),
    'causal attention': (ROWS, 16, lambda: [Attention(256, 8, is_causal=True)]),
    'grouped-query attention': (ROWS, 16, lambda: [Attention(256, 8, 2, enable_gqa=True)]),
    'transformer encoder': (ROWS, 16, lambda: [nn.TransformerEncoderLayer(256, 8, 1024, 0.0, batch_first=True)]),
    'sort': rows(lambda x: x.sort(-1)[0]),
    'top 8': rows(lambda x: x.topk(8)[0]),
    # of the two in the middle PyTorch takes the lower one, steepest their mean
    'median': rows(lambda x: x.median(-1)[0]),
    'take along an axis': rows(lambda x: x.gather(-1, MIXED.expand_as(x))),
    'cumsum': rows(lambda x: x.cumsum(-1)),
    'transpose': rows(lambda x: x.transpose(1, 2).contiguous()),
    'concatenate': rows(lambda x: torch.cat([x, x * x], -1)),
    'variance': rows(lambda x: x.var(-1, correction=0)),
    'prod': rows(lambda x: x.prod(-1)),
    'dropout': (ROWS, 32, lambda: [nn.Dropout(0.1)]),
    'Gaussian noise': rows(lambda x: x + torch.randn_like(x) * 0.1),
    'embedding': embedded(torch.optim.SGD, sparse=True),
    'embedding, Adam': embedded(torch.optim.Adam, fused=True),
    'mean squared error': values(F.mse_loss),
    'mean absolute error': values(F.l1_loss),
    'Huber loss': values(F.huber_loss),
    'cosine similarity': values(lambda y, to: -F.cosine_similarity(y, to, -1).mean()),
    'KL divergence': values(lambda y, to: F.kl_div(y.log_softmax(-1), to)),
    'binary cross-entropy': values(F.binary_cross_entropy_with_logits),
    'binary cross-entropy of sigmoids': values(lambda y, to: F.binary_cross_entropy(y.sigmoid(), to)),
    'cross-entropy': values(lambda y, to: F.cross_entropy(y.flatten(0, 1), to.flatten(0, 1))),
    'sparse cross-entropy': classified(ROWS, 32),
    'sparse cross-entropy of 32,000': classified((16, 32_000), 8),
    'CTC': ctc(),
    'SGD, momentum': updated(torch.optim.SGD, momentum=0.9, fused=True),
    'RMSprop': updated(torch.optim.RMSprop),
    'Adam': updated(torch.optim.Adam, fused=True),
    'AdamW': updated(torch.optim.AdamW, fused=True),
    'AdamW, clipped': updated(torch.optim.AdamW, clip=1.0, fused=True),
    'NAdam': updated(torch.optim.NAdam),
    'RAdam': updated(torch.optim.RAdam),
    'Adamax': updated(torch.optim.Adamax),
    'Adagrad': updated(torch.optim.Adagrad, fused=True),
    'Adadelta': updated(torch.optim.Adadelta),
    'Adafactor': updated(torch.optim.Adafactor),
    'Muon': updated(torch.optim.Muon),
}


def mean_of_squares(y, _):
    # without flattening, which copies where channels come last
    return y.square().mean(tuple(range(1, y.dim()))).square().mean()


def steps_of(name):
    """A step in each order of the channels that its layers can have: PyTorch is measured at its best."""
    shape, batch, make, *options = {**OPERATIONS, **NETWORKS}[name]
    options = options[0] if options else {}
    if 'below' in options:
        return [step_of(make, torch.randint(0, options['below'], (batch, *shape)), None, None, **options)]
    x = torch.rand(batch, *shape) - 0.5
    factor = torch.ones(shape[-1])
    convolved = len(shape) > 2 or name in ('conv 9', 'depthwise conv 9')
    if not convolved:
        return [step_of(make, x, factor, None, **options)]
    x = x.movedim(-1, 1).contiguous()
    factor = factor.view(-1, *[1] * (len(shape) - 1))
    last = {3: torch.channels_last, 4: torch.channels_last_3d}
    formats = [torch.contiguous_format, *([last[len(shape)]] if len(shape) in last else [])]
    return [step_of(make, x, factor.clone(), memory_format, **options) for memory_format in formats]


def sgd(weights):
    return torch.optim.SGD(weights, lr=1e-6, fused=True)


def step_of(
    make,
    x,
    factor,
    memory_format,
    below=None,
    loss=mean_of_squares,
    targets=lambda: None,
    optimizer=sgd,
    clip=None,
):
    model = nn.Sequential(*make())
    if memory_format is not None:
        x, model = x.to(memory_format=memory_format), model.to(memory_format=memory_format)
    weights = list(model.parameters())
    scaled = factor is not None
    # a factor is a vector, which some optimizers do not take
    optimizers = [optimizer(weights)] if weights else []
    if scaled:
        optimizers.append(sgd([factor.requires_grad_(True)]))
    to = targets()

    def step():
        for each in optimizers:
            each.zero_grad()
        loss(model(x * factor if scaled else x), to).backward()
        if clip is not None:
            nn.utils.clip_grad_norm_([*weights, factor] if scaled else weights, clip)
        for each in optimizers:
            each.step()

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


prepared = {}


def answer(operation, seconds):
    if operation not in prepared:
        prepared[operation] = steps_of(operation)
    return {'ms': min(median_of(step, seconds) for step in prepared[operation])}


if __name__ == '__main__':
    serve('torch', answer)
