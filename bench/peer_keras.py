#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TensorFlow's side of the benchmark (see peer.py): Keras layers and optimizers, the step as one tf.function, with and without XLA, whichever is
faster; predictions by a tf.function over the model."""
import os

import peer

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers  # noqa: E402

tf.config.threading.set_intra_op_parallelism_threads(peer.THREADS)
tf.config.threading.set_inter_op_parallelism_threads(1)
NAME = "TensorFlow " + ".".join(tf.__version__.split(".")[:2])


def block(x, heads, hidden):
    width = x.shape[-1]
    n = layers.LayerNormalization(epsilon=1e-5)(x)
    h = layers.Add()([x, layers.MultiHeadAttention(heads, width // heads)(n, n, use_causal_mask=True)])
    n = layers.Dense(hidden, activation="gelu")(layers.LayerNormalization(epsilon=1e-5)(h))
    return layers.Add()([h, layers.Dense(width)(n)])


def network(work):
    x = start = keras.Input(work.input(), batch_size=work.number("batch", 1))
    for kind, *words in work.layers:
        act = next((word for word in words if word in ("relu", "tanh", "sigmoid", "softmax")), None)
        if kind == "dense":
            if len(x.shape) == 4:
                x = layers.Flatten()(x)
            x = layers.Dense(int(words[0]), activation=act)(x)
        elif kind == "conv":
            x = layers.Conv2D(int(words[0]), int(words[1]), activation=act, padding="same" if "same" in words else "valid")(x)
        elif kind == "max_pool":
            x = layers.MaxPooling2D()(x)
        elif kind == "block":
            x = block(x, int(words[0]), int(words[1]))
        else:
            x = {"simple_rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}[kind](int(words[0]), return_sequences=True)(x)
    return keras.Model(start, x)


def rows(work):
    return [tf.random.uniform((work.number("batch", 1), *work.input())) for _ in range(work.batches())]


def step_of(work, net, xla):
    mse = work.get("loss") == "mse"
    loss_of = keras.losses.MeanSquaredError() if mse else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    make = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}[work.get("optimizer")]
    update = make(1e-3)
    update.build(net.trainable_variables)

    @tf.function(jit_compile=xla)
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_of(y, net(x, training=True))
        update.apply_gradients(zip(tape.gradient(loss, net.trainable_variables), net.trainable_variables))
        return loss

    return step


def step(work):
    x, calls = rows(work), []
    for xla in (False, True):
        net = network(work)
        shape = net.output_shape if work.get("loss") == "mse" else net.output_shape[:-1]
        if work.get("loss") == "mse":
            y = [tf.random.uniform(shape) for _ in x]
        else:
            y = [tf.random.uniform(shape, maxval=net.output_shape[-1], dtype=tf.int32) for _ in x]
        calls.append(in_turn(step_of(work, net, xla), list(zip(x, y))))
    return calls


def in_turn(f, batches):
    turn = [0]

    def call():
        i = turn[0] = (turn[0] + 1) % len(batches)
        f(*batches[i]).numpy()

    return call


def predict(work):
    net, batches = network(work), [(x,) for x in rows(work)]
    return [in_turn(tf.function(lambda x: net(x, training=False), jit_compile=xla), batches) for xla in (False, True)]


def convolution(work):
    size, channels, taps, filters, same = (work.number(key) for key in ("size", "channels", "taps", "out", "same"))
    side = size if same else size - taps + 1
    x, w = tf.random.uniform((64, size, size, channels)), tf.random.uniform((taps, taps, channels, filters))
    dy, pad = tf.random.uniform((64, side, side, filters)), "SAME" if same else "VALID"
    if work.get("pass") == "forward":
        f, inputs = (lambda x, w: tf.nn.conv2d(x, w, 1, pad)), (x, w)
    elif work.get("pass") == "data":
        f, inputs = (lambda w, dy: tf.raw_ops.Conv2DBackpropInput(input_sizes=x.shape, filter=w, out_backprop=dy, strides=[1] * 4, padding=pad)), (w, dy)
    else:
        f, inputs = (lambda x, dy: tf.raw_ops.Conv2DBackpropFilter(input=x, filter_sizes=w.shape, out_backprop=dy, strides=[1] * 4, padding=pad)), (x, dy)
    return in_turn(tf.function(f), [inputs])


def gemm(work):
    m, k, n, form = work.number("m"), work.number("k"), work.number("n"), work.get("form", "ab")
    a, b = tf.random.uniform((k, m) if form == "atb" else (m, k)), tf.random.uniform((n, k) if form == "abt" else (k, n))
    f = tf.function(lambda a, b: tf.matmul(a, b, transpose_a=form == "atb", transpose_b=form == "abt"))
    return in_turn(f, [(a, b)])


def each(work):
    n, op = work.number("n"), work.get("op")
    if op == "normal":
        return in_turn(tf.function(lambda: tf.random.normal((n,))), [()])
    f = {"exp": tf.exp, "tanh": tf.tanh, "sigmoid": tf.sigmoid, "relu": tf.nn.relu}[op]
    return [in_turn(tf.function(f, jit_compile=xla), [(tf.random.uniform((n,)),)]) for xla in (False, True)]


def build(work):
    x = rows(work)[0]

    def call():
        step_of(work, network(work), False)(x, tf.zeros(work.number("batch"), tf.int32)).numpy()

    return call


KINDS = {"gemm": gemm, "conv": convolution, "step": step, "build": build, "predict": predict, "map": each}


def prepare(work):
    if work.kind not in KINDS:
        raise peer.NotOffered("not one of its works")
    return KINDS[work.kind](work), NAME


if __name__ == "__main__":
    peer.main(prepare)
