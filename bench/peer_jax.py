#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""JAX's side of the benchmark (see peer.py): whole steps compiled by jit with donated parameters, written directly in jax.numpy and lax (the
recurrent layers as scan, their input products for all steps at once), images channels-last. The threads
are those the process may run on."""
import functools
import math
import os

import peer

os.environ.setdefault("JAX_PLATFORMS", "cpu")
if peer.THREADS == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false " + os.environ.get("XLA_FLAGS", "")
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy  # noqa: E402
from jax import lax, nn  # noqa: E402

NAME = "JAX " + ".".join(jax.__version__.split(".")[:2])
ACTIVATIONS = {"relu": nn.relu, "tanh": jnp.tanh, "sigmoid": nn.sigmoid, "gelu": functools.partial(nn.gelu, approximate=False), "softmax": nn.softmax}
random = numpy.random.default_rng(1)


def weights(*shape):
    fan = math.prod(shape[:-1])
    return jnp.asarray(random.normal(0, 1 / math.sqrt(fan), shape), jnp.float32)


def zeros(*shape):
    return jnp.zeros(shape, jnp.float32)


# ---- networks: each layer is (parameters, function of parameters and x, shape after it) ---------------------------------


def activation(words):
    return next((ACTIVATIONS[word] for word in words if word in ACTIVATIONS), lambda x: x)


def dense(shape, words):
    units, act, last = int(words[0]), activation(words), "last_axis" in words
    width = shape[-1] if last else math.prod(shape)

    def f(p, x):
        return act((x if last else x.reshape(x.shape[0], -1)) @ p[0] + p[1])

    return [weights(width, units), zeros(units)], f, [*shape[:-1], units] if last else [units]


def conv2d(x, w, same):
    return lax.conv_general_dilated(x, w, (1, 1), "SAME" if same else "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def conv(shape, words):
    out, taps, act, same = int(words[0]), int(words[1]), activation(words), "same" in words
    after = shape[:2] if same else [n - taps + 1 for n in shape[:2]]
    return [weights(taps, taps, shape[2], out), zeros(out)], lambda p, x: act(conv2d(x, p[0], same) + p[1]), [*after, out]


def max_pool(shape, words):
    def f(p, x):
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    return [], f, [shape[0] // 2, shape[1] // 2, shape[2]]


def recurrent(gates, cell):
    def layer(shape, words):
        n = int(words[0])

        def f(p, x):
            inputs = jnp.moveaxis(x, 1, 0) @ p[0] + p[1]
            start = jnp.zeros((x.shape[0], n))
            return jnp.moveaxis(lax.scan(functools.partial(cell, p, n), (start, start), inputs)[1], 0, 1)

        return [weights(shape[-1], gates * n), zeros(gates * n), weights(n, gates * n), zeros(gates * n)], f, [shape[0], n]

    return layer


def rnn_cell(p, n, state, z):
    h = jnp.tanh(z + state[0] @ p[2])
    return (h, h), h


def lstm_cell(p, n, state, z):
    z = z + state[0] @ p[2]
    i, f, o, g = nn.sigmoid(z[:, :n]), nn.sigmoid(z[:, n : 2 * n]), nn.sigmoid(z[:, 3 * n :]), jnp.tanh(z[:, 2 * n : 3 * n])
    c = f * state[1] + i * g
    h = o * jnp.tanh(c)
    return (h, c), h


def gru_cell(p, n, state, z):
    u = state[0] @ p[2] + p[3]
    gate = nn.sigmoid(z[:, : 2 * n] + u[:, : 2 * n])
    new = jnp.tanh(z[:, 2 * n :] + gate[:, n:] * u[:, 2 * n :])
    h = gate[:, :n] * state[0] + (1 - gate[:, :n]) * new
    return (h, h), h


def norm(x, p):
    mean = x.mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5) * p[0] + p[1]


def block(shape, words):
    heads, hidden, c = int(words[0]), int(words[1]), shape[-1]

    def f(p, x):
        b, t, _ = x.shape
        q, k, v = jnp.moveaxis((norm(x, p[0:2]) @ p[4] + p[5]).reshape(b, t, 3, heads, c // heads), 2, 0)
        y = nn.dot_product_attention(q, k, v, is_causal=True).reshape(b, t, c)
        h = x + y @ p[6] + p[7]
        return h + ACTIVATIONS["gelu"](norm(h, p[2:4]) @ p[8] + p[9]) @ p[10] + p[11]

    ones = jnp.ones(c, jnp.float32)
    return [ones, zeros(c), ones + 0, zeros(c), weights(c, 3 * c), zeros(3 * c), weights(c, c), zeros(c),
            weights(c, hidden), zeros(hidden), weights(hidden, c), zeros(c)], f, shape


KINDS_OF_LAYERS = {"dense": dense, "conv": conv, "max_pool": max_pool, "block": block, "simple_rnn": recurrent(1, rnn_cell),
                   "lstm": recurrent(4, lstm_cell), "gru": recurrent(3, gru_cell)}


def network(work):
    """(parameters, function of parameters and x, shape of an answer)."""
    shape, parameters, functions = work.input(), [], []
    for kind, *words in work.layers:
        p, f, shape = KINDS_OF_LAYERS[kind](shape, words)
        parameters.append(p)
        functions.append(f)

    def forward(parameters, x):
        for p, f in zip(parameters, functions):
            x = f(p, x)
        return x

    return parameters, forward, shape


# ---- works ------------------------------------------------------------------------------------------------------------------


def rows(work):
    return [jnp.asarray(random.random((work.number("batch"), *work.input()), numpy.float32)) for _ in range(work.batches())]


def updated(kind, p, g, slots, t):
    """The parameters and slots after one step, for all parameters at once."""
    tree = jax.tree_util.tree_map
    if kind == "sgd":
        return tree(lambda p, g: p - 1e-3 * g, p, g), slots
    v = tree(lambda v, g: (0.999 if kind == "adam" else 0.9) * v + (0.001 if kind == "adam" else 0.1) * g * g, slots[0], g)
    if kind == "rmsprop":
        return tree(lambda p, g, v: p - 1e-3 * g * lax.rsqrt(v + 1e-7), p, g, v), (v,)
    m = tree(lambda m, g: 0.9 * m + 0.1 * g, slots[1], g)
    rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return tree(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), p, m, v), (v, m)


def slots_of(kind, p):
    return tuple(jax.tree_util.tree_map(jnp.zeros_like, p) for _ in range({"sgd": 0, "rmsprop": 1, "adam": 2}[kind]))


def compiled_step(work):
    parameters, forward, shape = network(work)
    kind, mse = work.get("optimizer"), work.get("loss") == "mse"

    def loss_of(p, x, y):
        z = forward(p, x)
        if mse:
            return ((z - y) ** 2).mean()
        return -jnp.take_along_axis(nn.log_softmax(z), y[..., None], -1).mean()

    def step(p, slots, t, x, y):
        loss, g = jax.value_and_grad(loss_of)(p, x, y)
        p, slots = updated(kind, p, g, slots, t)
        return p, slots, t + 1, loss

    return parameters, jax.jit(step, donate_argnums=(0, 1, 2)), shape, mse


def step(work):
    parameters, compiled, shape, mse = compiled_step(work)
    wanted = (work.number("batch"), *(shape if mse else shape[:-1]))
    x = rows(work)
    y = [jnp.asarray(random.random(wanted, numpy.float32) if mse else random.integers(0, shape[-1], wanted), None if mse else jnp.int32) for _ in x]
    state, turn = [parameters, slots_of(work.get("optimizer"), parameters), jnp.float32(1)], [0]

    def call():
        i = turn[0] = (turn[0] + 1) % len(x)
        *state[:], loss = compiled(*state, x[i], y[i])
        loss.block_until_ready()

    return call


def build(work):
    x = rows(work)[0]

    def call():
        jax.clear_caches()
        parameters, compiled, shape, _ = compiled_step(work)
        slots = slots_of(work.get("optimizer"), parameters)
        compiled.lower(parameters, slots, jnp.float32(1), x, jnp.zeros(work.number("batch"), jnp.int32)).compile()

    return call


def predict(work):
    parameters, forward, _ = network(work)
    x, f, turn = rows(work), jax.jit(forward), [0]

    def call():
        turn[0] = (turn[0] + 1) % len(x)
        f(parameters, x[turn[0]]).block_until_ready()

    return call


def floats(*shape):
    return jnp.asarray(random.random(shape, numpy.float32))


def run(f, *inputs):
    f = jax.jit(f)
    return lambda: f(*inputs).block_until_ready()


def gemm(work):
    m, k, n, form = work.number("m"), work.number("k"), work.number("n"), work.get("form", "ab")
    a, b = floats(k, m) if form == "atb" else floats(m, k), floats(n, k) if form == "abt" else floats(k, n)
    return run(lambda a, b: (a.T if form == "atb" else a) @ (b.T if form == "abt" else b), a, b)


def convolution(work):
    size, channels, taps, filters, same = (work.number(key) for key in ("size", "channels", "taps", "out", "same"))
    side = size if same else size - taps + 1
    x, w, dy = floats(64, size, size, channels), floats(taps, taps, channels, filters), floats(64, side, side, filters)
    if work.get("pass") == "forward":
        return run(lambda x, w: conv2d(x, w, same), x, w)
    if work.get("pass") == "data":
        return run(lambda x, w, dy: jax.vjp(lambda x: conv2d(x, w, same), x)[1](dy)[0], x, w, dy)
    return run(lambda x, w, dy: jax.vjp(lambda w: conv2d(x, w, same), w)[1](dy)[0], x, w, dy)


def each(work):
    n, op = work.number("n"), work.get("op")
    if op == "normal":
        key = [jax.random.key(1, impl=impl) for impl in ("threefry2x32", "rbg")]
        return [run(lambda key: jax.random.normal(key, (n,)), one) for one in key]
    return run({"exp": jnp.exp, "tanh": jnp.tanh, "sigmoid": nn.sigmoid, "relu": nn.relu}[op], floats(n))


def update(work):
    p, g, kind = floats(work.number("n")), floats(work.number("n")), work.get("optimizer")
    state = [p, slots_of(kind, p), jnp.float32(1)]
    f = jax.jit(lambda p, slots, t, g: (*updated(kind, p, g, slots, t), t + 1), donate_argnums=(0, 1, 2))

    def call():
        state[:] = f(*state, g)
        state[0].block_until_ready()

    return call


KINDS = {"gemm": gemm, "conv": convolution, "step": step, "build": build, "predict": predict, "map": each, "update": update}


def prepare(work):
    if work.kind not in KINDS:
        raise peer.NotOffered("not one of its works")
    return KINDS[work.kind](work), NAME


if __name__ == "__main__":
    peer.main(prepare)
