"""TensorFlow at its best for convolutions: a whole step as one graph, oneDNN below. usage: tensorflow_worker.py CASE_JSON"""
import json
import os
import sys

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ['KERAS_BACKEND'] = 'tensorflow'

import keras
import numpy as np
import tensorflow as tf
from keras import layers, losses

from protocol import data, serve_training

case = json.loads(sys.argv[1])
units, samples, batch = case['units'], case['samples'], case['batch']
image = case.get('image')
for other in ('residual', 'sequence', 'transformer', 'autoencoder'):
    if case.get(other):
        sys.exit(f'{other} networks are not written for it')

stack = [keras.Input(tuple(image['shape']) if image else (units[0],))]
if image:
    for filters in image['filters']:
        stack += [layers.Conv2D(filters, 3, activation='relu'), layers.MaxPooling2D(2)]
    stack += [layers.Flatten(), layers.Dropout(image['dropout'])]
stack += [layers.Dense(n, activation='relu') for n in units[1:-1]]
model = keras.Sequential([*stack, layers.Dense(units[-1])])
rate = case['optimizer']['learningRate']
optimizer = {'adam': keras.optimizers.Adam, 'sgd': keras.optimizers.SGD}[case['optimizer']['name']](rate)
optimizer.build(model.trainable_variables)
sigmoid = case['head'] == 'sigmoid'
loss_of = (losses.BinaryCrossentropy if sigmoid else losses.SparseCategoricalCrossentropy)(from_logits=True)
x, y = data(case)
if image:
    x = x.reshape(-1, *image['shape'])
random = np.random.default_rng(0)


@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_of(y, model(x, training=True))
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    return loss


def train(epochs):
    loss = None
    for _ in range(epochs):
        order = random.permutation(samples)
        for i in range(0, samples, batch):
            rows = order[i : i + batch]
            loss = step(x[rows], y[rows])
    return float(loss)


serve_training('tensorflow', train)
