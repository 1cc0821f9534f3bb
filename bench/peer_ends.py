#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The peers' side of the works from start to end: a whole process that reads data, trains, tests and saves, as a short script of the framework does
it.

usage: peer_ends.py FRAMEWORK TASK DATA OUT THREADS      FRAMEWORK: torch, jax, tensorflow, sklearn; TASK: iris, spiral, mnist
"""
import gzip
import os
import sys

FRAMEWORK, TASK, DATA, OUT, THREADS = sys.argv[1:6]
os.environ["OMP_NUM_THREADS"] = THREADS
import numpy as np  # noqa: E402

random = np.random.default_rng(1)


def idx(name):
    with gzip.open(os.path.join(DATA, "mnist", name + ".gz")) as file:
        data = file.read()
    return np.frombuffer(data, np.uint8, offset=16 if "images" in name else 8)


def mnist():
    parts = []
    for part in ("train", "t10k"):
        x = idx(part + "-images-idx3-ubyte").reshape(-1, 784).astype(np.float32) / 255
        parts += [x, idx(part + "-labels-idx1-ubyte").astype(np.int64)]
    return parts


def iris():
    with open(os.path.join(DATA, "tabular", "iris.csv"), encoding="utf-8") as file:
        rows = [line.strip().split(",") for line in file][1:]
    names = sorted({row[-1] for row in rows})
    x, y = np.array([[float(v) for v in row[:4]] for row in rows], np.float32), np.array([names.index(row[-1]) for row in rows])
    order = random.permutation(len(x))
    x, y = x[order], y[order]
    x = (x - x[:120].mean(0)) / x[:120].std(0)
    return x[:120], y[:120], x[120:], y[120:]


def spiral():
    t = np.tile(np.linspace(0, 1, 100), 3)
    y = np.repeat(np.arange(3), 100)
    angle = y * 4 + 4 * t + random.normal(0, 0.2, 300)
    x = np.stack([t * np.sin(angle), t * np.cos(angle)], 1).astype(np.float32)
    return x, y.astype(np.int64), x, y.astype(np.int64)


# units, optimizer, rate, batch, epochs
SETTINGS = {"iris": ((4, 16, 3), "adam", 0.01, 32, 100), "spiral": ((2, 100, 3), "sgd", 1.0, 300, 10000), "mnist": ((784, 512, 10), "rmsprop", 0.001, 128, 5)}
UNITS, OPTIMIZER, RATE, BATCH, EPOCHS = SETTINGS[TASK]


def with_torch(x, y, test, wanted):
    import torch
    from torch import nn

    torch.set_num_threads(int(THREADS))
    torch.set_flush_denormal(True)
    net = nn.Sequential(nn.Linear(UNITS[0], UNITS[1]), nn.ReLU(), nn.Linear(UNITS[1], UNITS[2]))
    make = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD, "rmsprop": lambda p, lr: torch.optim.RMSprop(p, lr, alpha=0.9)}[OPTIMIZER]
    update, loss_of = make(net.parameters(), lr=RATE), nn.CrossEntropyLoss()
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x)) if BATCH < len(x) else None
        for i in range(0, len(x), BATCH):
            rows = order[i : i + BATCH] if order is not None else slice(None)
            update.zero_grad(set_to_none=True)
            loss_of(net(x[rows]), y[rows]).backward()
            update.step()
    with torch.no_grad():
        right = (net(torch.from_numpy(test)).argmax(1).numpy() == wanted).mean()
    torch.save(net.state_dict(), OUT)
    return right


def with_jax(x, y, test, wanted):
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    import jax.numpy as jnp

    p = [jnp.asarray(random.normal(0, 1 / np.sqrt(a), (a, b)), jnp.float32) for a, b in zip(UNITS, UNITS[1:])] + [jnp.zeros(b) for b in UNITS[1:]]

    def forward(p, x):
        return jax.nn.relu(x @ p[0] + p[2]) @ p[1] + p[3]

    @jax.jit
    def step(p, m, v, t, x, y):
        g = jax.grad(lambda p: -jnp.take_along_axis(jax.nn.log_softmax(forward(p, x)), y[:, None], 1).mean())(p)
        if OPTIMIZER == "sgd":
            return [a - RATE * b for a, b in zip(p, g)], m, v, t
        if OPTIMIZER == "rmsprop":
            v = [0.9 * a + 0.1 * b * b for a, b in zip(v, g)]
            return [a - RATE * b / jnp.sqrt(c + 1e-7) for a, b, c in zip(p, g, v)], m, v, t
        m, v = [0.9 * a + 0.1 * b for a, b in zip(m, g)], [0.999 * a + 0.001 * b * b for a, b in zip(v, g)]
        rate = RATE * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        return [a - rate * b / (jnp.sqrt(c) + 1e-7) for a, b, c in zip(p, m, v)], m, v, t + 1

    m, v, t = [jnp.zeros_like(a) for a in p], [jnp.zeros_like(a) for a in p], 1.0
    for _ in range(EPOCHS):
        order = random.permutation(len(x))
        for i in range(0, len(x), BATCH):
            rows = order[i : i + BATCH] if BATCH < len(x) else slice(None)
            p, m, v, t = step(p, m, v, t, x[rows], y[rows])
    right = (np.asarray(forward(p, test)).argmax(1) == wanted).mean()
    np.savez(OUT, *[np.asarray(a) for a in p])
    return right


def with_tensorflow(x, y, test, wanted):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(int(THREADS))
    tf.config.threading.set_inter_op_parallelism_threads(1)
    net = keras.Sequential([keras.layers.Dense(UNITS[1], "relu"), keras.layers.Dense(UNITS[2], "softmax")])
    make = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop}[OPTIMIZER]
    net.compile(optimizer=make(RATE), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    net.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    right = net.evaluate(test, wanted, verbose=0)[1]
    net.save(OUT + ".keras")
    return right


def with_sklearn(x, y, test, wanted):
    import pickle

    from sklearn.neural_network import MLPClassifier

    if OPTIMIZER == "rmsprop":
        sys.exit("it has no RMSprop")
    net = MLPClassifier([UNITS[1]], solver=OPTIMIZER, alpha=0, batch_size=min(BATCH, len(x)), learning_rate_init=RATE, max_iter=EPOCHS, momentum=0,
                        tol=0, n_iter_no_change=EPOCHS).fit(x, y)
    right = net.score(test, wanted)
    with open(OUT, "wb") as file:
        pickle.dump(net, file)
    return right


RUN = {"torch": with_torch, "jax": with_jax, "tensorflow": with_tensorflow, "sklearn": with_sklearn}[FRAMEWORK]
print(f"accuracy {RUN(*{'iris': iris, 'spiral': spiral, 'mnist': mnist}[TASK]()):.4f}")
