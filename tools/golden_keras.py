#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/nn/golden_keras.txt: what Keras makes of layers and losses where its formulas are its own, in float64.

    KERAS_BACKEND=jax tools/golden_keras.py > tests/nn/golden_keras.txt

Needs Keras 3 and jax. Same padding with strides, averages at the edge, transposed convolution, batch norm's momentum and
epsilon (training and inference), layer and group norm, leaky_relu, elu, gelu, simple_rnn, lstm (i f g o), gru (z r n, reset
after and before), both directions, masks, the losses with sample weights, and the initialisers' ranges. A record is lines:

    layer TEXT | SHAPE | BATCH | TRAINING      the layer in the library's language, the input without and with batch
    tensor SIZE ELEMENT ...                    y; the gradients by x and each trained parameter of sum(y numbers(y, 9));
                                               after a training step of batch norm the two running averages
    masked TEXT | SHAPE | BATCH | WEIGHTED     layers after `masking`, of sequences of which row r has (5 r) % STEPS + 1 steps,
                                               then zeros, or, of odd r, zeros before: then tensors: the mean squared error
                                               to numbers(y, 9), and its gradients by the trained parameters
    loss NAME | SHAPE | DELTA                  of p = SHAPE, with weights of the samples; then tensors: the loss, its gradient
    init NAME | SHAPE                          then one tensor: the range or the deviation of the values

Inputs and parameters are numbers(shape, seed) of x: seed 1, parameter k: seed 2 + k; a running variance is |.| + 1/2.
Of a tensor the elements (k 2654435761 + 12345) % SIZE, k < 5, are written.
"""
import os

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_ENABLE_X64", "1")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402

keras.config.set_floatx("float64")
keras.config.set_dtype_policy("float64")
SAMPLES = 5
L = keras.layers
rng = np.random.default_rng(20261120)


def numbers(shape, seed):
    """Multiples of 1/128 in [-1, 1]; tests/nn/test_golden_keras.c has the same formula."""
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    n = (i * 7919 + seed * 104729 + i * i % 1009 * 31) % 257 - 128
    return (n / 128).reshape(shape)


def draw(low, high):
    return int(rng.integers(low, high + 1))


def chance(share):
    return bool(rng.random() < share)


def tensor(value):
    flat = np.asarray(value).reshape(-1)
    at = [(k * 2654435761 + 12345) % flat.size for k in range(min(flat.size, SAMPLES))]
    print("tensor", flat.size, *(f"{flat[i]:.9g}" for i in at))


def dims(shape):
    return "x".join(str(n) for n in shape)


def layer(text, made, shape, training=False):
    batch = draw(2, 4)
    backwards = "return_sequences" in text and "backwards" in text  # ours stand at their own steps, Keras' as they came
    x = jnp.asarray(numbers((batch, *shape), 1))
    made.build((batch, *shape))
    values = {}
    for k, w in enumerate(made.weights):
        value = numbers(w.shape, 2 + k)
        if w.path.endswith("moving_variance"):
            value = np.abs(value) + 0.5
        values[w.path] = jnp.asarray(value)
    trained = [values[w.path] for w in made.trainable_variables]
    rest = [values[w.path] if w.path in values else w.value for w in made.non_trainable_variables]

    def scalar(x, trained):
        y, changed = made.stateless_call(trained, rest, x, **({"training": True} if training else {}))
        y = y[:, ::-1] if backwards else y
        return (y * numbers(y.shape, 9)).sum(), (y, changed)

    (_, (y, changed)), (gx, gw) = jax.value_and_grad(scalar, argnums=(0, 1), has_aux=True)(x, trained)
    print("layer", text, "|", dims(shape), "|", batch, "|", int(training))
    for value in [y, gx, *gw]:
        tensor(value)
    if training:
        for value in changed[:2]:
            tensor(value)


# ---- images --------------------------------------------------------------------------------------------------------


def image(spatial, least):
    return tuple(draw(least, least + 6) for _ in range(spatial)) + (draw(1, 4),)


def conv():
    size, stride, same = draw(1, 4), draw(1, 3), chance(0.7)
    dilation = draw(1, 2) if stride == 1 else 1
    shape, filters = image(2, size * dilation), draw(1, 5)
    pad = "same" if same else "valid"
    layer(f"conv {filters} {size} {stride} {pad} dilation={dilation}",
          L.Conv2D(filters, size, stride, pad, dilation_rate=dilation), shape)


def conv1d():
    size, stride, pad = draw(1, 4), draw(1, 3), "same" if chance(0.7) else "valid"
    shape, filters = image(1, size), draw(1, 5)
    layer(f"conv1d {filters} {size} {stride} {pad}", L.Conv1D(filters, size, stride, pad), shape)


def depthwise():
    size, stride, pad, times = draw(1, 3), draw(1, 2), "same" if chance(0.7) else "valid", draw(1, 2)
    shape = image(2, size)[:2] + (draw(2, 4),)
    layer(f"depthwise_conv {size} {stride} {pad} multiplier={times}",
          L.DepthwiseConv2D(size, stride, pad, depth_multiplier=times), shape)


def transposed():
    size, pad = draw(1, 4), "same" if chance(0.6) else "valid"
    stride = draw(1, size)
    shape, filters = image(2, 1), draw(1, 4)
    layer(f"conv_transpose {filters} {size} {stride} {pad}", L.Conv2DTranspose(filters, size, stride, pad), shape)


def pool():
    size, stride, pad = draw(1, 4), draw(1, 3), "same" if chance(0.7) else "valid"
    shape = image(2, size)
    if chance(0.5):
        layer(f"max_pool {size} {stride} {pad}", L.MaxPooling2D(size, stride, pad), shape)
    else:
        layer(f"avg_pool {size} {stride} {pad}", L.AveragePooling2D(size, stride, pad), shape)


# ---- norms and activations ------------------------------------------------------------------------------------------


def batch_norm():
    momentum = "" if chance(0.5) else " .9"
    made = L.BatchNormalization(**({"momentum": 0.9} if momentum else {}))
    layer("batch_norm" + momentum + " name=norm", made, image(draw(0, 2), 2), training=chance(0.6))


def norms():
    shape = image(draw(1, 2), 2)
    layer("layer_norm", L.LayerNormalization(), shape)
    groups = draw(1, 3)
    layer(f"group_norm {groups}", L.GroupNormalization(groups), shape[:-1] + (groups * draw(1, 3),))


def activations():
    # LeakyReLU's own slope is .3, the function's .2; ours is the function
    for name in ("relu", "tanh", "sigmoid", "softmax", "leaky_relu", "elu", "gelu", "softplus"):
        units = draw(2, 9)
        layer(f"dense {units} {name}", L.Dense(units, activation=name), (draw(1, 9),))


# ---- sequences ------------------------------------------------------------------------------------------------------


# jax's own, as those of keras.activations may answer in float32
@keras.saving.register_keras_serializable()
def tanh64(x):
    return jnp.tanh(x)


@keras.saving.register_keras_serializable()
def sigmoid64(x):
    return jax.nn.sigmoid(x)


def recurrent():
    gates = {"activation": tanh64, "recurrent_activation": sigmoid64}
    for name, kind in (("simple_rnn", L.SimpleRNN), ("lstm", L.LSTM), ("gru", L.GRU)):
        units, words, options = draw(1, 7), [], dict(gates)
        if name == "simple_rnn":
            del options["recurrent_activation"]
        if chance(0.5):
            words, options = words + ["return_sequences"], {**options, "return_sequences": True}
        if chance(0.2):
            words, options = words + ["no_bias"], {**options, "use_bias": False}
        if name == "gru" and chance(0.4):
            words, options = words + ["reset_before"], {**options, "reset_after": False}
        if name != "simple_rnn" and chance(0.3):
            words, options = words + ["recurrent_activation=tanh"], {**options, "recurrent_activation": tanh64}
        both = chance(0.3)
        if both:
            words.append("bidirectional")
        elif chance(0.3):
            words, options = words + ["backwards"], {**options, "go_backwards": True}
        made = kind(units, **options)
        layer(" ".join([name, str(units), *words]), L.Bidirectional(made) if both else made, (draw(1, 6), draw(1, 5)))


# ---- masks ----------------------------------------------------------------------------------------------------------


def padded(batch, steps, features):
    x = numbers((batch, steps, features), 1)
    assert x.any(-1).all()  # no step is zeros by itself
    for row in range(batch):
        length = 5 * row % steps + 1
        if row % 2:
            x[row, : steps - length] = 0
        else:
            x[row, length:] = 0
    return jnp.asarray(x)


def masked(text, layers, weighted=False):
    batch, shape = 4, (6, 4)
    x = padded(batch, *shape)
    start = y = keras.Input(shape)
    for made in [L.Masking(), *layers]:
        y = made(y, y, use_causal_mask="causal" in text) if isinstance(made, L.MultiHeadAttention) else made(y)
    model = keras.Model(start, y)
    seeds = {w.path: 2 + k for k, w in enumerate(model.weights)}
    values = [jnp.asarray(numbers(w.shape, seeds[w.path])) for w in model.trainable_variables]
    rest = [w.value for w in model.non_trainable_variables]
    error = keras.losses.MeanSquaredError()
    weights = np.abs(numbers((batch, 1), 3)) + 0.25  # Keras wants them for each step
    options = {"sample_weight": jnp.asarray(np.repeat(weights, shape[0], 1))} if weighted else {}

    def scalar(values):
        p, _ = model.stateless_call(values, rest, x, training=True)
        return error(jnp.asarray(numbers(p.shape, 9)), p, **options)

    value, gradient = jax.value_and_grad(scalar)(values)
    print("masked", text, "|", dims(shape), "|", batch, "|", int(weighted))
    for each in [value, *gradient]:
        tensor(each)


def masks():
    gates = {"activation": tanh64, "recurrent_activation": sigmoid64}
    masked("lstm 3 return_sequences", [L.LSTM(3, return_sequences=True, **gates)])
    masked("gru 3 return_sequences", [L.GRU(3, return_sequences=True, **gates)], weighted=True)
    masked("simple_rnn 3 backwards", [L.SimpleRNN(3, go_backwards=True, activation=tanh64)])
    masked("lstm 2 bidirectional return_sequences", [L.Bidirectional(L.LSTM(2, return_sequences=True, **gates))])
    masked("dense 3 tanh last_axis; gru 2 bidirectional; dense 2",
           [L.Dense(3, activation=tanh64), L.Bidirectional(L.GRU(2, **gates)), L.Dense(2)])
    masked("lstm 3 return_sequences; gru 2 return_sequences; dense 2 last_axis",
           [L.LSTM(3, return_sequences=True, **gates), L.GRU(2, return_sequences=True, **gates), L.Dense(2)], weighted=True)
    masked("global_avg_pool; dense 2", [L.GlobalAveragePooling1D(), L.Dense(2)])
    masked("attention 2; dense 2 last_axis", [L.MultiHeadAttention(2, 2), L.Dense(2)])
    masked("attention 2 causal size=3; layer_norm; global_avg_pool",
           [L.MultiHeadAttention(2, 3), L.LayerNormalization(), L.GlobalAveragePooling1D()])
    masked("batch_norm; dense 2 last_axis", [L.BatchNormalization(), L.Dense(2)])


# ---- losses ---------------------------------------------------------------------------------------------------------


def loss(name, made, probabilities=False, sparse=False, signs=False, binary=False, delta=0.0):
    batch, width = draw(2, 7), 1 if signs or binary else draw(2, 5)
    p = numbers((batch, width), 1)
    if probabilities:
        p = (p + 1.5) / 3
    y = numbers((batch, width), 2)
    if sparse:
        y = np.arange(batch) % width
    elif probabilities:
        y = (y > 0).astype(float) if binary else np.eye(width)[np.arange(batch) % width]
    elif signs:
        y = np.where(y > 0, 1.0, -1.0)
    weights = np.abs(numbers((batch,), 3)) + 0.25
    value, gradient = jax.value_and_grad(lambda p: made(jnp.asarray(y), p, sample_weight=jnp.asarray(weights)))(jnp.asarray(p))
    print("loss", name, "|", dims((batch, width)), "|", delta)
    tensor(value)
    tensor(gradient)


def losses():
    K = keras.losses
    loss("mean_squared_error", K.MeanSquaredError())
    loss("mean_absolute_error", K.MeanAbsoluteError())
    loss("huber", K.Huber())
    loss("huber", K.Huber(delta=0.25), delta=0.25)
    loss("binary_cross_entropy", K.BinaryCrossentropy(), probabilities=True, binary=True)
    loss("categorical_cross_entropy", K.CategoricalCrossentropy(), probabilities=True)
    loss("sparse_categorical_cross_entropy", K.SparseCategoricalCrossentropy(), probabilities=True, sparse=True)
    loss("hinge", K.Hinge(), signs=True)
    # of numbers above 0: Keras counts the true class as a 0 among the others
    loss("categorical_hinge", K.CategoricalHinge(), probabilities=True)


# ---- initialisers ---------------------------------------------------------------------------------------------------

# The range of a uniform one; of a normal one the deviation. Keras counts a kernel's taps with its fans.
INITIALISERS = ("glorot_uniform", "he_uniform", "lecun_uniform", "glorot_normal", "he_normal", "lecun_normal")


def initialisers():
    for name in INITIALISERS:
        for shape in ((40, 300), (3, 3, 20, 30), (5, 16, 24)):
            made = getattr(keras.initializers, name.title().replace("_", ""))(seed=1)
            values = np.asarray(made(shape, dtype="float64"))
            taps = int(np.prod(shape[:-2]))
            fan_in, fan_out = taps * shape[-2], taps * shape[-1]
            fan = (fan_in + fan_out) / 2 if name.startswith("glorot") else fan_in
            variance = (2 if name.startswith("he") else 1) / fan
            want = np.sqrt(3 * variance) if name.endswith("uniform") else np.sqrt(variance)
            have = np.abs(values).max() if name.endswith("uniform") else values.std()
            assert abs(have / want - 1) < 0.05, (name, shape, have, want)
            print("init", name, "|", dims(shape))
            tensor(np.array([want]))


def main():
    for _ in range(8):
        conv(), recurrent(), transposed(), pool()
    for _ in range(5):
        conv1d(), depthwise(), batch_norm(), norms()
    for _ in range(3):
        losses()
    activations()
    initialisers()
    masks()


main()
