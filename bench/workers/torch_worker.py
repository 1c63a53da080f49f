"""PyTorch as fast as it goes here: data in memory, fused optimizer.

usage: torch_worker.py CASE_JSON [--device cuda:0] [--variant eager|compile|max-autotune|graph] [--bfloat16]

compile is torch.compile of the model and its loss (max-autotune: in that mode, which tries kernels for minutes and uses graphs), graph the whole step captured as a CUDA graph; --bfloat16 is autocast.
"""
import argparse
import json

import torch
from torch import nn

from protocol import data, serve_training

parser = argparse.ArgumentParser()
parser.add_argument('case')
parser.add_argument('--device', default='cpu')
parser.add_argument('--variant', default='eager', choices=['eager', 'compile', 'max-autotune', 'graph'])
parser.add_argument('--bfloat16', action='store_true')
arguments = parser.parse_args()
device = torch.device(arguments.device)
if device.type == 'cuda':
    torch.cuda.set_device(device)

torch.backends.cudnn.benchmark = True  # the fastest of its algorithms

case = json.loads(arguments.case)
torch.manual_seed(0)
units = case['units']
image = case.get('image')
sequence = case.get('sequence')
residual = case.get('residual')
modules = []


class Residual(nn.Module):
    """Two convolutions; the input is added, padded with channels of zeros where they grow."""
    def __init__(self, channels, width):
        super().__init__()
        self.strides, self.side = (1 if width == channels else 2), (width - channels) // 2
        self.first = convolution(channels, width, self.strides)
        self.second = convolution(width, width, 1)

    def forward(self, x):
        y = self.second(torch.relu(self.first(x)))
        if self.strides > 1:
            x = nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.side, self.side))
        return torch.relu(x + y)


class Bottleneck(nn.Module):
    """A 1x1, a 3x3 and a 1x1 convolution; the input is added, by a 1x1 convolution where sizes change."""
    def __init__(self, channels, width, strides):
        super().__init__()
        self.first = convolution(channels, width, 1, 1)
        self.second = convolution(width, width, strides)
        self.third = convolution(width, 4 * width, 1, 1)
        same = strides == 1 and channels == 4 * width
        self.around = nn.Identity() if same else convolution(channels, 4 * width, strides, 1)

    def forward(self, x):
        return torch.relu(self.around(x) + self.third(torch.relu(self.second(torch.relu(self.first(x))))))


def convolution(channels, width, strides, size=3):
    return nn.Sequential(
        nn.Conv2d(channels, width, size, strides, size // 2, bias=False), nn.BatchNorm2d(width, eps=1e-3, momentum=.01))


class LastOutput(nn.Module):
    def __init__(self, features, width):
        super().__init__()
        self.lstm = nn.LSTM(features, width, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[0][:, -1]


class Block(nn.Module):
    def __init__(self, features, heads):
        super().__init__()
        self.heads = heads
        self.before, self.between = (nn.LayerNorm(features, bias=False) for _ in range(2))
        self.project = nn.Linear(features, 3 * features, bias=False)
        self.join = nn.Linear(features, features, bias=False)
        self.hidden = nn.Linear(features, 4 * features, bias=False)
        self.output = nn.Linear(4 * features, features, bias=False)

    def forward(self, x):
        split = self.project(self.before(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(*split, is_causal=True)
        x = x + self.join(attended.transpose(1, 2).flatten(2))
        return x + self.output(nn.functional.gelu(self.hidden(self.between(x))))


class Gpt(nn.Module):
    def __init__(self, context, vocabulary, blocks, heads, features):
        super().__init__()
        self.symbols, self.positions = nn.Embedding(vocabulary, features), nn.Embedding(context, features)
        self.blocks = nn.Sequential(*(Block(features, heads) for _ in range(blocks)))
        self.last = nn.LayerNorm(features, bias=False)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, 0, 0.02)

    def forward(self, ids):
        x = self.symbols(ids) + self.positions.weight
        return self.last(self.blocks(x)) @ self.symbols.weight.T


if sequence:
    modules += [nn.Unflatten(1, sequence['shape']), LastOutput(sequence['shape'][1], sequence['units'])]
    units = [sequence['units'], *units[1:]]
if image:
    height, width, channels = image['shape']
    for filters in image['filters']:
        modules += [nn.Conv2d(channels, filters, 3), nn.ReLU(), nn.MaxPool2d(2)]
        channels, height, width = filters, (height - 2) // 2, (width - 2) // 2
    modules += [nn.Flatten(), nn.Dropout(image['dropout'])]
    units = [channels * height * width, *units[1:]]
if residual:
    height, width, channels = residual['shape']
    blocks, first, large = residual['blocks'], residual['filters'][0], residual.get('bottleneck')
    modules += [convolution(channels, first, 2, 7) if large else convolution(channels, first, 1), nn.ReLU()]
    if large:
        modules.append(nn.MaxPool2d(3, 2, 1))
    channels = first
    for stage, width in enumerate(residual['filters']):
        for block in range(blocks[stage] if large else blocks):
            if large:
                modules.append(Bottleneck(channels, width, 2 if stage > 0 and block == 0 else 1))
                channels = 4 * width
            else:
                modules.append(Residual(channels, width))
                channels = width
    modules += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    units = [channels, *units[1:]]
for i, (n_in, n_out) in enumerate([] if 'transformer' in case else zip(units, units[1:])):
    modules.append(nn.Linear(n_in, n_out))
    if i < len(units) - 2:
        modules.append(nn.ReLU())
    elif case['head'] == 'sigmoid':
        modules.append(nn.Sigmoid())
transformer = case.get('transformer')
model = Gpt(*case['units'], **transformer) if transformer else nn.Sequential(*modules)
model = model.to(device)
if image or residual:
    model = model.to(memory_format=torch.channels_last)
rate = case['optimizer']['learningRate']
momentum = {'momentum': case['optimizer']['momentum']} if 'momentum' in case['optimizer'] else {}
kinds = {
    'adam': (torch.optim.Adam, {}),
    'adamw': (torch.optim.AdamW, {'betas': (0.9, 0.99), 'weight_decay': 0.1}),
    'sgd': (torch.optim.SGD, momentum),
}
kind, options = kinds[case['optimizer']['name']]
if arguments.variant == 'graph' and kind is not torch.optim.SGD:
    options = {**options, 'capturable': True}
optimizer = kind(model.parameters(), lr=rate, fused=True, **options)
loss_function = nn.BCELoss() if case['head'] == 'sigmoid' else nn.CrossEntropyLoss()
x, y = (torch.from_numpy(a) for a in data(case))
if image or residual:  # pixels in the order of the model's memory, so that a batch needs no copy
    height, width, channels = (image or residual)['shape']
    x = x.view(-1, channels, height, width).to(memory_format=torch.channels_last)
y = y if y.dtype == torch.float32 else y.long()
x, y = x.to(device), y.to(device)
samples, batch = case['samples'], case['batch']


def outputs_of(inputs):
    if not arguments.bfloat16:
        return model(inputs)
    with torch.autocast(device.type, torch.bfloat16):
        return model(inputs).float()


def loss_of(inputs, targets):
    outputs = outputs_of(inputs)
    if transformer:
        outputs, targets = outputs.flatten(0, -2), targets.flatten()
    return loss_function(outputs, targets)


if arguments.variant == 'compile':
    loss_of = torch.compile(loss_of)
if arguments.variant == 'max-autotune':
    loss_of = torch.compile(loss_of, mode='max-autotune')


def step(inputs, targets):
    loss = loss_of(inputs, targets)
    loss.backward()
    if transformer:
        nn.utils.clip_grad_norm_(model.parameters(), 1)
    optimizer.step()
    return loss


def captured(inputs, targets):
    """A function that replays the step, captured after some steps beside the default stream, as PyTorch wants it."""
    inputs, targets = inputs.clone(), targets.clone()
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            optimizer.zero_grad(set_to_none=True)
            step(inputs, targets)
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        loss = step(inputs, targets)

    def replay(new_inputs, new_targets):
        inputs.copy_(new_inputs)
        targets.copy_(new_targets)
        graph.replay()
        return loss
    return replay


if arguments.variant == 'graph':
    replay = captured(x[:batch], y[:batch])


def train(epochs):
    loss = None
    for _ in range(epochs):
        order = torch.randperm(samples, device=device)
        for i in range(0, samples, batch):
            rows = order[i:i + batch]
            if arguments.variant == 'graph':
                loss = replay(x[rows], y[rows])
                continue
            optimizer.zero_grad()
            loss = step(x[rows], y[rows])
    return float(loss.detach())  # waits for the device


variant = '' if arguments.variant == 'eager' else f'-{arguments.variant}'
serve_training(f'torch-fused{variant}{"-bf16" if arguments.bfloat16 else ""}', train)
