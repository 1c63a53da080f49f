"""The worker protocol of protocol.ts, for Python. Cases come as JSON on the command line."""
import json
import sys
import time

import numpy as np


def data(case):
    """Random inputs with labels that a linear rule gives them."""
    random = np.random.default_rng(1)
    features, classes = case['units'][0], case['units'][-1] if case['head'] == 'softmax' else 1
    if case.get('transformer'):
        text = random.integers(0, classes, case['samples'] * features + 1, dtype=np.int32)
        return text[:-1].reshape(-1, features), text[1:].reshape(-1, features)
    x = random.random((case['samples'], features), dtype=np.float32)
    if case.get('autoencoder'):
        return x, x
    if x.size * classes > 1e9:
        return x, random.integers(0, classes, case['samples'], dtype=np.int32)
    scores = (x - 0.5) @ (random.random((features, classes), dtype=np.float32) - 0.5)
    if classes == 1:
        return x, (scores > 0).astype(np.float32)
    return x, np.argmax(scores, 1).astype(np.int32)


def serve(framework, answer, **greeting):
    print(json.dumps({'framework': framework, **greeting}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), flush=True)


def serve_training(framework, train):
    def answer(epochs):
        began = time.perf_counter()
        loss = train(epochs)
        return {'seconds': time.perf_counter() - began, 'loss': loss}

    train(1)
    serve(framework, answer)
