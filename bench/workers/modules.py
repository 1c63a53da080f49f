"""Modules that operations and networks share, for operations_worker.py and networks.py."""
import torch.nn as nn
import torch.nn.functional as F


class Call(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, x):
        return self.f(x)


class Sequences(nn.Module):
    """What a recurrent layer returns for every step."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


class Around(nn.Module):
    """What a block makes, added to what goes around it."""

    def __init__(self, deep, around=(), end=None):
        super().__init__()
        self.deep, self.around = nn.Sequential(*deep), nn.Sequential(*around)
        self.end = end or nn.Identity()

    def forward(self, x):
        return self.end(self.deep(x) + self.around(x))


class Attention(nn.Module):
    """One product makes queries, keys and values: `heads` of queries, `pairs` of the others."""

    def __init__(self, features, heads, pairs=None, **options):
        super().__init__()
        self.sizes, self.options = [heads, pairs or heads, pairs or heads], options
        self.project = nn.Linear(features, features // heads * sum(self.sizes))
        self.out = nn.Linear(features, features)

    def forward(self, x):
        batch, tokens, features = x.shape
        heads = self.project(x).view(batch, tokens, sum(self.sizes), -1).transpose(1, 2).split(self.sizes, 1)
        y = F.scaled_dot_product_attention(*heads, **self.options)
        return self.out(y.transpose(1, 2).reshape(batch, tokens, features))
