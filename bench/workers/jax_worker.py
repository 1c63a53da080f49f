"""JAX at its best: a whole epoch compiled into one scan. usage: jax_worker.py CASE_JSON"""
import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from protocol import data, serve_training

case = json.loads(sys.argv[1])
units, samples, batch = case['units'], case['samples'], case['batch']
image = case.get('image')
sequence = case.get('sequence')
if case.get('residual'):
    sys.exit('residual networks are not written for it')
rng = np.random.default_rng(0)


def weights(shape):
    scale = (2 / np.prod(shape[:-1])) ** 0.5
    return jnp.asarray(rng.standard_normal(shape, dtype=np.float32) * np.float32(scale)), jnp.zeros(shape[-1])


kernels = []
if image:
    height, width, channels = image['shape']
    for filters in image['filters']:
        kernels.append(weights((3, 3, channels, filters)))
        channels, height, width = filters, (height - 2) // 2, (width - 2) // 2
    units = [channels * height * width, *units[1:]]
if sequence:
    (_, features), width = sequence['shape'], sequence['units']
    kernels = [weights((features, 4 * width)), weights((width, 4 * width))]
    units = [width, *units[1:]]
parameters = kernels, [weights(shape) for shape in zip(units, units[1:])]
transformer = case.get('transformer')
if transformer:
    (context, vocabulary), width, heads = units, transformer['features'], transformer['heads']

    def normal(*shape):
        return jnp.asarray(rng.standard_normal(shape, dtype=np.float32) * np.float32(0.02))

    parameters = {
        'symbols': normal(vocabulary, width),
        'positions': normal(context, width),
        'last': jnp.ones(width),
        'blocks': [
            {
                'before': jnp.ones(width),
                'project': normal(width, 3 * width),
                'join': normal(width, width),
                'between': jnp.ones(width),
                'hidden': normal(width, 4 * width),
                'output': normal(4 * width, width),
            }
            for _ in range(transformer['blocks'])
        ],
    }
rate = case['optimizer']['learningRate']
optimizer = {
    'adam': lambda: optax.adam(rate),
    'adamw': lambda: optax.chain(optax.clip_by_global_norm(1), optax.adamw(rate, 0.9, 0.99, weight_decay=0.1)),
    'sgd': lambda: optax.sgd(rate),
}[case['optimizer']['name']]()
x, y = (jnp.asarray(a) for a in data(case))


def convolve(x, kernels, key):
    x = x.reshape(-1, *image['shape'])
    for w, b in kernels:
        x = jax.nn.relu(lax.conv_general_dilated(x, w, (1, 1), 'VALID', dimension_numbers=('NHWC', 'HWIO', 'NHWC')) + b)
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), 'VALID')
    x = x.reshape(x.shape[0], -1)
    keep = 1 - image['dropout']
    return jnp.where(jax.random.bernoulli(key, keep, x.shape), x / keep, 0)


def remember(x, kernels):
    (w, b), (u, _) = kernels
    x = x.reshape(-1, *sequence['shape'])
    zero = jnp.zeros((x.shape[0], sequence['units']))

    def step(carry, projected):
        h, c = carry
        i, f, g, o = jnp.split(projected + h @ u, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    return lax.scan(step, (zero, zero), jnp.swapaxes(x @ w + b, 0, 1))[0][0]


def normalize(x, scale):
    centered = x - x.mean(-1, keepdims=True)
    return centered * lax.rsqrt(jnp.square(centered).mean(-1, keepdims=True) + 1e-5) * scale


def gpt(parameters, ids):
    x = parameters['symbols'][ids] + parameters['positions']
    for block in parameters['blocks']:
        projected = normalize(x, block['before']) @ block['project']
        q, k, v = (a.reshape(*a.shape[:2], heads, -1) for a in jnp.split(projected, 3, -1))
        x = x + jax.nn.dot_product_attention(q, k, v, is_causal=True).reshape(x.shape) @ block['join']
        hidden = jax.nn.gelu(normalize(x, block['between']) @ block['hidden'], approximate=False)
        x = x + hidden @ block['output']
    return normalize(x, parameters['last']) @ parameters['symbols'].T


def loss_function(parameters, x, y, key):
    if transformer:
        return optax.softmax_cross_entropy_with_integer_labels(gpt(parameters, x), y).mean()
    kernels, dense = parameters
    if image:
        x = convolve(x, kernels, key)
    if sequence:
        x = remember(x, kernels)
    for w, b in dense[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = dense[-1]
    logits = x @ w + b
    if case['head'] == 'sigmoid':
        return optax.sigmoid_binary_cross_entropy(logits, y).mean()
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def epoch(parameters, state, key):
    key, shuffle, drop = jax.random.split(key, 3)
    order = jax.random.permutation(shuffle, samples).reshape(-1, batch)

    def step(carry, drawn):
        (parameters, state), (rows, dropping) = carry, drawn
        loss, gradients = jax.value_and_grad(loss_function)(parameters, x[rows], y[rows], dropping)
        updates, state = optimizer.update(gradients, state, parameters)
        return (optax.apply_updates(parameters, updates), state), loss

    batches = order, jax.random.split(drop, len(order))
    (parameters, state), losses = lax.scan(step, (parameters, state), batches)
    return parameters, state, key, losses[-1]


compiled = jax.jit(epoch, donate_argnums=(0, 1))
carry = [parameters, optimizer.init(parameters), jax.random.PRNGKey(0)]


def train(epochs):
    loss = None
    for _ in range(epochs):
        *carry[:], loss = compiled(*carry)
    loss.block_until_ready()
    return float(loss)


serve_training('jax-scan', train)
