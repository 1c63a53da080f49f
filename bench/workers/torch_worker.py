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
modules = []


class LastOutput(nn.Module):
    def __init__(self, features, width):
        super().__init__()
        self.lstm = nn.LSTM(features, width, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[0][:, -1]


if sequence:
    modules += [nn.Unflatten(1, sequence['shape']), LastOutput(sequence['shape'][1], sequence['units'])]
    units = [sequence['units'], *units[1:]]
if image:
    height, width, channels = image['shape']
    modules.append(nn.Unflatten(1, (channels, height, width)))
    for filters in image['filters']:
        modules += [nn.Conv2d(channels, filters, 3), nn.ReLU(), nn.MaxPool2d(2)]
        channels, height, width = filters, (height - 2) // 2, (width - 2) // 2
    modules += [nn.Flatten(), nn.Dropout(image['dropout'])]
    units = [channels * height * width, *units[1:]]
for i, (n_in, n_out) in enumerate(zip(units, units[1:])):
    modules.append(nn.Linear(n_in, n_out))
    if i < len(units) - 2:
        modules.append(nn.ReLU())
    elif case['head'] == 'sigmoid':
        modules.append(nn.Sigmoid())
model = nn.Sequential(*modules)
if image:
    model = model.to(memory_format=torch.channels_last)
rate = case['optimizer']['learningRate']
kind = torch.optim.Adam if case['optimizer']['name'] == 'adam' else torch.optim.SGD
optimizer = kind(model.parameters(), lr=rate, fused=True)
loss_function = nn.BCELoss() if case['head'] == 'sigmoid' else nn.CrossEntropyLoss()
x, y = (torch.from_numpy(a) for a in data(case))
y = y if y.dtype == torch.float32 else y.long()
samples, batch = case['samples'], case['batch']


def train(epochs):
    loss = None
    for _ in range(epochs):
        order = torch.randperm(samples)
        for i in range(0, samples, batch):
            rows = order[i:i + batch]
            optimizer.zero_grad()
            loss = loss_function(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
    return float(loss.detach())


serve('torch-fused', train)
