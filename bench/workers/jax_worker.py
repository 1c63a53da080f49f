"""JAX at its best: a whole epoch compiled into one scan. usage: jax_worker.py CASE_JSON"""
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from protocol import data, serve

case = json.loads(sys.argv[1])
units, samples, batch = case['units'], case['samples'], case['batch']
rng = np.random.default_rng(0)
parameters = [
    (jnp.asarray(rng.standard_normal((n, m), dtype=np.float32) * (2 / n) ** 0.5), jnp.zeros(m))
    for n, m in zip(units, units[1:])
]
rate = case['optimizer']['learningRate']
optimizer = optax.adam(rate) if case['optimizer']['name'] == 'adam' else optax.sgd(rate)
x, y = (jnp.asarray(a) for a in data(case))


def loss_function(parameters, x, y):
    for w, b in parameters[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = parameters[-1]
    logits = x @ w + b
    if case['head'] == 'sigmoid':
        return optax.sigmoid_binary_cross_entropy(logits, y).mean()
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def epoch(parameters, state, key):
    key, shuffle = jax.random.split(key)
    order = jax.random.permutation(shuffle, samples).reshape(-1, batch)

    def step(carry, rows):
        parameters, state = carry
        loss, gradients = jax.value_and_grad(loss_function)(parameters, x[rows], y[rows])
        updates, state = optimizer.update(gradients, state, parameters)
        return (optax.apply_updates(parameters, updates), state), loss

    (parameters, state), losses = lax.scan(step, (parameters, state), order)
    return parameters, state, key, losses[-1]


compiled = jax.jit(epoch, donate_argnums=(0, 1))
carry = [parameters, optimizer.init(parameters), jax.random.PRNGKey(0)]


def train(epochs):
    loss = None
    for _ in range(epochs):
        *carry[:], loss = compiled(*carry)
    loss.block_until_ready()
    return float(loss)


serve('jax-scan', train)
