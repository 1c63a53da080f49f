"""Writes torch-recurrent.json: what PyTorch's recurrent layers compute, in float64.

    python torch_recurrent.py > torch-recurrent.json

Each case holds the module's parameters under PyTorch's names, a batch of sequences, the outputs and last states, and the
gradients of sum(output * slope) with respect to all parameters and the input. Sequences are packed to their lengths.
"""

import json

import torch

torch.manual_seed(7)
torch.set_default_dtype(torch.float64)
units, features, steps, batch = 2, 3, 4, 2


def case(kind, layers, bidirectional, lengths, initial):
    module = getattr(torch.nn, kind)(
        features, units, num_layers=layers, bidirectional=bidirectional, batch_first=True
    )
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.round(torch.empty_like(p).uniform_(-0.9, 0.9) * 1e4) / 1e4)
    x = (torch.round(torch.rand(batch, steps, features) * 2e4) / 1e4 - 1).requires_grad_()
    directions = 2 if bidirectional else 1
    states = [torch.round(torch.randn(layers * directions, batch, units) * 1e4) / 1e4 for _ in range(2 if kind == "LSTM" else 1)]
    slope = torch.round(torch.randn(batch, steps, units * directions) * 1e4) / 1e4
    start = (tuple(states) if kind == "LSTM" else states[0]) if initial else None
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
    packed_output, last = module(packed, start)
    output, _ = torch.nn.utils.rnn.pad_packed_sequence(packed_output, batch_first=True, total_length=steps)
    (output * slope).sum().backward()
    numbers = lambda t: [round(v, 10) for v in t.detach().flatten().tolist()]
    return {
        "kind": kind,
        "layers": layers,
        "bidirectional": bidirectional,
        "lengths": lengths,
        "x": numbers(x),
        "initial": [numbers(s) for s in states] if initial else None,
        "slope": numbers(slope),
        "parameters": {name: numbers(p) for name, p in module.named_parameters()},
        "output": numbers(output),
        "last": [numbers(s) for s in (last if kind == "LSTM" else [last])],
        "gradients": {**{name: numbers(p.grad) for name, p in module.named_parameters()}, "x": numbers(x.grad)},
    }


cases = [
    case(kind, layers, bidirectional, lengths, initial)
    for kind in ("RNN", "LSTM", "GRU")
    for layers, bidirectional, lengths, initial in (
        (1, False, [4, 4], True),
        (1, False, [4, 2], False),
        (2, True, [4, 2], False),
    )
]
print(json.dumps({"torch": torch.__version__, "units": units, "features": features, "steps": steps, "batch": batch, "cases": cases}, separators=(",", ":")))
