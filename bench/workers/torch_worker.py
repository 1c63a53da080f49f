"""PyTorch as fast as it goes here: data in memory, fused optimizer. usage: torch_worker.py CASE_JSON"""
import json
import sys

import torch
from torch import nn

from protocol import data, serve

case = json.loads(sys.argv[1])
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


def convolution(channels, width, strides):
    return nn.Sequential(nn.Conv2d(channels, width, 3, strides, 1, bias=False), nn.BatchNorm2d(width, eps=1e-3, momentum=.01))


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
    modules += [convolution(channels, residual['filters'][0], 1), nn.ReLU()]
    channels = residual['filters'][0]
    for width in residual['filters']:
        for _ in range(residual['blocks']):
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
optimizer = kind(model.parameters(), lr=rate, fused=True, **options)
loss_function = nn.BCELoss() if case['head'] == 'sigmoid' else nn.CrossEntropyLoss()
x, y = (torch.from_numpy(a) for a in data(case))
if image or residual:  # pixels in the order of the model's memory, so that a batch needs no copy
    height, width, channels = (image or residual)['shape']
    x = x.view(-1, channels, height, width).to(memory_format=torch.channels_last)
y = y if y.dtype == torch.float32 else y.long()
samples, batch = case['samples'], case['batch']


def train(epochs):
    loss = None
    for _ in range(epochs):
        order = torch.randperm(samples)
        for i in range(0, samples, batch):
            rows = order[i:i + batch]
            optimizer.zero_grad()
            outputs, targets = model(x[rows]), y[rows]
            if transformer:
                outputs, targets = outputs.flatten(0, -2), targets.flatten()
            loss = loss_function(outputs, targets)
            loss.backward()
            if transformer:
                nn.utils.clip_grad_norm_(model.parameters(), 1)
            optimizer.step()
    return float(loss.detach())


serve('torch-fused', train)
