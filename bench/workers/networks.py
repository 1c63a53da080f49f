"""Whole networks in PyTorch: those of ../networks.ts by the same names, as operations_worker.py has operations."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from modules import Around, Attention, Call, Sequences

SMALL = (32, 32, 3)


def convolution(inputs, outputs, size=3, stride=1, groups=1):
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)


def normalized(layer, channels):
    return [layer, nn.BatchNorm2d(channels)]


def rectified(layer, channels):
    return [*normalized(layer, channels), nn.ReLU()]


def vgg():
    layers, channels = [], 3
    for width, pooled in zip((64, 128, 256, 256, 512, 512), (True, True, False, True, False, True)):
        layers += rectified(convolution(channels, width), width)
        layers += [nn.MaxPool2d(2)] if pooled else []
        channels = width
    return [
        *layers,
        nn.Flatten(),
        nn.Linear(2048, 512),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(512, 10),
    ]


def resnet18():
    layers, channels = rectified(convolution(3, 64), 64), 64
    for stage, width in enumerate((64, 128, 256, 512)):
        for block in range(2):
            stride = 2 if stage > 0 and block == 0 else 1
            deep = rectified(convolution(channels, width, 3, stride), width)
            deep += normalized(convolution(width, width), width)
            around = [] if stride == 1 else normalized(nn.Conv2d(channels, width, 1, stride, bias=False), width)
            layers.append(Around(deep, around, nn.ReLU()))
            channels = width
    return [*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)]


def mobilenet():
    def six(layer, width):
        return [*normalized(layer, width), nn.ReLU6()]

    channels = 16
    layers = six(convolution(3, channels, 3, 2), channels)
    for width, stride in ((24, 2), (24, 1), (32, 2), (32, 1), (64, 2), (64, 1), (96, 1)):
        wide = 6 * channels
        deep = [
            *six(convolution(channels, wide, 1), wide),
            *six(convolution(wide, wide, 3, stride, wide), wide),
            *normalized(convolution(wide, width, 1), width),
        ]
        layers += [Around(deep)] if stride == 1 and width == channels else deep
        channels = width
    return [*layers, *six(convolution(96, 320, 1), 320), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(320, 10)]


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.up, self.join = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = 3
        for width in (16, 32, 64):
            self.down.append(self.twice(channels, width))
            channels = width
        self.middle, channels = self.twice(64, 128), 128
        for width in (64, 32, 16):
            self.up.append(nn.ConvTranspose2d(channels, width, 2, 2))
            self.join.append(self.twice(2 * width, width))
            channels = width
        self.last = nn.Conv2d(16, 1, 1)

    @staticmethod
    def twice(inputs, outputs):
        return nn.Sequential(
            *rectified(convolution(inputs, outputs), outputs),
            *rectified(convolution(outputs, outputs), outputs),
        )

    def forward(self, x):
        skipped = []
        for down in self.down:
            x = down(x)
            skipped.append(x)
            x = F.max_pool2d(x, 2)
        x = self.middle(x)
        for up, join in zip(self.up, self.join):
            x = join(torch.cat([skipped.pop(), up(x)], 1))
        return self.last(x)


def up(inputs, outputs, bias=False):
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)


def generator():
    return [
        nn.Linear(100, 4 * 4 * 256, bias=False),
        nn.Unflatten(1, (256, 4, 4)),
        nn.BatchNorm2d(256),
        nn.ReLU(),
        *rectified(up(256, 128), 128),
        *rectified(up(128, 64), 64),
        up(64, 3),
        nn.Tanh(),
    ]


def discriminator():
    def down(inputs, outputs):
        return nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)

    return [
        *[down(3, 64), nn.LeakyReLU(0.2)],
        *[*normalized(down(64, 128), 128), nn.LeakyReLU(0.2)],
        *[*normalized(down(128, 256), 256), nn.LeakyReLU(0.2)],
        nn.Flatten(),
        nn.Linear(4 * 4 * 256, 1),
    ]


def autoencoder():
    return [
        *[nn.Conv2d(1, 32, 3, 2, 1), nn.ReLU()],
        *[nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU()],
        nn.Flatten(),
        nn.Linear(7 * 7 * 64, 32),
        *[nn.Linear(32, 7 * 7 * 64), nn.ReLU()],
        nn.Unflatten(1, (64, 7, 7)),
        *[up(64, 32, True), nn.ReLU()],
        up(32, 1, True),
    ]


def blocks(features, depth, heads, causal=False, rate=0.0):
    layers = []
    for _ in range(depth):
        attended = [nn.LayerNorm(features), Attention(features, heads, is_causal=causal), nn.Dropout(rate)]
        wide = [nn.Linear(features, 4 * features), nn.GELU(), nn.Linear(4 * features, features)]
        layers += [Around(attended), Around([nn.LayerNorm(features), *wide, nn.Dropout(rate)])]
    return [*layers, nn.LayerNorm(features)]


class Positions(nn.Module):
    def __init__(self, tokens, features):
        super().__init__()
        self.positions = nn.Parameter(torch.rand(tokens, features) / 10)

    def forward(self, x):
        return x + self.positions


def mean():
    return Call(lambda x: x.mean(1))


def turned():
    return Call(lambda x: x.transpose(1, 2))


def patches(features):
    return [nn.Conv2d(3, features, 4, 4), nn.Flatten(2), turned()]


def vit():
    return [*patches(192), Positions(64, 192), *blocks(192, 6, 3), mean(), nn.Linear(192, 10)]


def mixer():
    def network(features, wide):
        return [nn.Linear(features, wide), nn.GELU(), nn.Linear(wide, features)]

    layers = patches(128)
    for _ in range(4):
        layers.append(Around([nn.LayerNorm(128), turned(), *network(64, 64), turned()]))
        layers.append(Around([nn.LayerNorm(128), *network(128, 512)]))
    return [*layers, nn.LayerNorm(128), mean(), nn.Linear(128, 10)]


def text_classifier():
    encoded = [nn.Embedding(20_000, 256), Positions(128, 256), *blocks(256, 4, 8, rate=0.1)]
    return [*encoded, mean(), nn.Linear(256, 2)]


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv1d(128, 100, size) for size in (3, 4, 5))

    def forward(self, x):
        x = x.transpose(1, 2)
        return torch.cat([F.relu(layer(x)).amax(-1) for layer in self.convolutions], 1)


def text_convolutions():
    return [nn.Embedding(20_000, 128), Branches(), nn.Dropout(0.5), nn.Linear(300, 2)]


def gpt():
    return [
        nn.Embedding(8000, 256),
        Positions(128, 256),
        *blocks(256, 4, 8, True, 0.1),
        nn.Linear(256, 8000),
    ]


def lstm_language_model():
    return [
        nn.Embedding(8000, 200),
        nn.Dropout(0.2),
        Sequences(nn.LSTM(200, 200, 2, dropout=0.2, batch_first=True)),
        nn.Dropout(0.2),
        nn.Linear(200, 8000),
    ]


def gru_tagger():
    recurrent = Sequences(nn.GRU(128, 128, 2, batch_first=True, bidirectional=True))
    return [nn.Embedding(20_000, 128), recurrent, nn.Linear(256, 17)]


def temporal():
    def causal(dilation):
        return [
            nn.ConstantPad1d((2 * dilation, 0), 0.0),
            nn.Conv1d(64, 64, 3, dilation=dilation),
            nn.ReLU(),
            nn.Dropout(0.1),
        ]

    layers = [nn.Linear(8, 64), turned()]
    for dilation in (1, 2, 4, 8, 16):
        layers.append(Around([*causal(dilation), *causal(dilation)], (), nn.ReLU()))
    return [*layers, turned(), nn.Linear(64, 1)]


def recommender():
    return [
        nn.Embedding(100_000, 32),
        nn.Flatten(),
        *[nn.Linear(64, 128), nn.ReLU()],
        *[nn.Linear(128, 64), nn.ReLU()],
        nn.Linear(64, 1),
    ]


def table():
    layers, features = [], 64
    for units in (256, 256, 128):
        layers += [nn.Linear(features, units, bias=False), nn.BatchNorm1d(units), nn.ReLU(), nn.Dropout(0.2)]
        features = units
    return [*layers, nn.Linear(128, 1)]


def video():
    layers, channels = [], 3
    for width in (16, 32, 64):
        layers += [nn.Conv3d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool3d(2)]
        channels = width
    return [*layers, nn.Flatten(), nn.Linear(2 * 4 * 4 * 64, 10)]


def adam(weights):
    return torch.optim.Adam(weights, lr=1e-6, fused=True)


def momentum(weights):
    return torch.optim.SGD(weights, lr=1e-6, momentum=0.9, fused=True)


def cross_entropy(y, words):
    return F.cross_entropy(y.flatten(0, 1), words.flatten())


def words(batch, tokens, below):
    return {'loss': cross_entropy, 'targets': lambda: torch.randint(0, below, (batch, tokens)), 'below': below}


NETWORKS = {
    'VGG-11': (SMALL, 16, vgg, {'optimizer': adam}),
    'ResNet-18': (SMALL, 8, resnet18, {'optimizer': momentum}),
    'MobileNetV2': ((96, 96, 3), 8, mobilenet, {'optimizer': adam}),
    'U-Net': ((64, 64, 3), 8, lambda: [UNet()], {'optimizer': adam}),
    'DCGAN, generator': ((100,), 32, generator, {'optimizer': adam}),
    'DCGAN, discriminator': (SMALL, 32, discriminator, {'optimizer': adam}),
    'convolutional autoencoder': ((28, 28, 1), 64, autoencoder, {'optimizer': adam}),
    'vision transformer': (SMALL, 16, vit, {'optimizer': adam}),
    'MLP-Mixer': (SMALL, 32, mixer, {'optimizer': adam}),
    'text classifier, transformer': ((128,), 8, text_classifier, {'optimizer': adam, 'below': 20_000}),
    'text classifier, clipped': ((128,), 8, text_classifier, {'optimizer': adam, 'below': 20_000, 'clip': 1.0}),
    'text classifier, convolutions': ((100,), 32, text_convolutions, {'optimizer': adam, 'below': 20_000}),
    'language model, GPT': ((128,), 4, gpt, {'optimizer': adam, **words(4, 128, 8000)}),
    'language model, LSTM': ((35,), 20, lstm_language_model, {'clip': 1.0, **words(20, 35, 8000)}),
    'tagger, GRU': ((50,), 32, gru_tagger, {'optimizer': adam, 'below': 20_000}),
    'temporal convolutions': ((128, 8), 32, temporal, {'optimizer': adam}),
    'recommender': ((2,), 256, recommender, {'optimizer': adam, 'below': 100_000}),
    'table': ((64,), 256, table, {'optimizer': adam}),
    'video, 3d convolutions': ((16, 32, 32, 3), 4, video, {'optimizer': adam}),
}
