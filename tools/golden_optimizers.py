#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/optim/golden_optimizers.inc: 50 steps of every update rule, in float64, by the real frameworks.

    JAX_ENABLE_X64=1 KERAS_BACKEND=jax python3 tools/golden_optimizers.py > tests/optim/golden_optimizers.inc

Needs Keras 3 (any backend in float64) and PyTorch (1.13 or newer; its foreach path of NAdam, the single-tensor path of
1.13 is wrong). Two parameters, W of three numbers and B of two. The gradient of number i at step t = 0, 1, ... is

    k_i w_i + sin(.7 t + i),   k = .5 1 2 .1 3,   but 0 for i = 3 while t < 5

so that rules see feedback and a gradient that is exactly zero. lr: constant, or ("changing") halved for steps 10..24 and
doubled from step 25 on. Kept are the five numbers after steps 1, 3 and 50. tests/optim/test_golden.c replays the same.
"""
import math
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

START = [0.5, -1.0, 2.0, 0.25, -3.0]
SLOPE = [0.5, 1.0, 2.0, 0.1, 3.0]
STEPS, KEPT = 50, (1, 3, 50)


def gradient(w, t):
    return [0.0 if i == 3 and t < 5 else SLOPE[i] * w[i] + math.sin(0.7 * t + i) for i in range(5)]


def rate(lr, t, changing):
    return lr * (1.0 if not changing or t < 10 else 0.5 if t < 25 else 2.0)


def run(step, lr, changing):
    """step(w, g, lr) -> w, for STEPS steps; the kept rows."""
    w, rows = list(START), []
    for t in range(STEPS):
        w = step(w, gradient(w, t), rate(lr, t, changing))
        if t + 1 in KEPT:
            rows.append(list(w))
    return rows


# ---- Keras ---------------------------------------------------------------------------------------------------------

KERAS = {
    "sgd": "SGD", "nesterov": "SGD", "momentum": "SGD", "adagrad": "Adagrad", "adadelta": "Adadelta", "rmsprop": "RMSprop",
    "adam": "Adam", "adamw": "AdamW", "nadam": "Nadam", "adamax": "Adamax",
}
KERAS_WORDS = {
    "lr": "learning_rate", "beta1": "beta_1", "beta2": "beta_2", "initial": "initial_accumulator_value",
    "clip_value": "clipvalue", "clip_norm": "clipnorm", "clip_global_norm": "global_clipnorm",
}


def keras_rows(method, options, changing):
    import keras
    import numpy as np

    keras.backend.set_floatx("float64")
    words = {KERAS_WORDS.get(k, k): v for k, v in options.items()}
    if method in ("momentum", "nesterov"):
        words.setdefault("momentum", 0.9)
    if method == "nesterov":
        words["nesterov"] = True
    for flag in ("nesterov", "centered", "amsgrad"):
        if flag in words:
            words[flag] = bool(words[flag])
    optimizer = getattr(keras.optimizers, KERAS[method])(**words)
    lr = float(np.asarray(optimizer.learning_rate))
    variables = [keras.Variable(np.array(START[:3]), dtype="float64"), keras.Variable(np.array(START[3:]), dtype="float64")]
    optimizer.build(variables)

    def step(w, g, lr):
        optimizer.learning_rate = lr
        grads = [keras.ops.convert_to_tensor(np.array(part), dtype="float64") for part in (g[:3], g[3:])]
        optimizer.apply(grads, variables)
        return [float(x) for v in variables for x in np.asarray(v)]

    return run(step, lr, changing)


# ---- PyTorch -------------------------------------------------------------------------------------------------------

TORCH = {
    "sgd": "SGD", "nesterov": "SGD", "adagrad": "Adagrad", "adadelta": "Adadelta", "rmsprop": "RMSprop",
    "adam": "Adam", "adamw": "AdamW", "nadam": "NAdam", "adamax": "Adamax",
}
TORCH_WORDS = {"epsilon": "eps", "initial": "initial_accumulator_value"}


def torch_rows(method, options, changing):
    import torch

    torch.set_default_dtype(torch.float64)  # NAdam keeps a product in it

    words = {TORCH_WORDS.get(k, k): v for k, v in options.items()}
    clip = {k: words.pop(k) for k in list(words) if k.startswith("clip_")}
    if method == "rmsprop" and "rho" in words:
        words["alpha"] = words.pop("rho")
    if "beta1" in words or "beta2" in words:
        words["betas"] = (words.pop("beta1", 0.9), words.pop("beta2", 0.999))
    if method == "nesterov":
        words.update(momentum=0.9, nesterov=True)
    if method == "nadam":
        words["foreach"] = True
    for flag in ("nesterov", "centered", "amsgrad"):
        if flag in words:
            words[flag] = bool(words[flag])
    if method in ("sgd", "nesterov"):
        words.setdefault("lr", 1e-3)
    params = [torch.tensor(START[:3], dtype=torch.float64), torch.tensor(START[3:], dtype=torch.float64)]
    optimizer = getattr(torch.optim, TORCH[method])(params, **words)
    lr = optimizer.param_groups[0]["lr"]

    def step(w, g, lr):
        optimizer.param_groups[0]["lr"] = lr
        for p, part in zip(params, (g[:3], g[3:])):
            p.grad = torch.tensor(part, dtype=torch.float64)
        if "clip_value" in clip:
            torch.nn.utils.clip_grad_value_(params, clip["clip_value"])
        if "clip_norm" in clip:
            for p in params:
                torch.nn.utils.clip_grad_norm_([p], clip["clip_norm"])
        if "clip_global_norm" in clip:
            torch.nn.utils.clip_grad_norm_(params, clip["clip_global_norm"])
        optimizer.step()
        return [float(x) for p in params for x in p]

    return run(step, lr, changing)


# ---- Keras 2's RMSprop: transcribed from its formula, no framework of today has it ------------------------------------

def keras2_rows(method, options, changing):
    assert method == "rmsprop"
    s, m, rho, eps, mu = [0.0] * 5, [0.0] * 5, 0.9, 1e-7, options.get("momentum", 0.0)

    def step(w, g, lr):
        out = []
        for i in range(5):
            s[i] = rho * s[i] + (1 - rho) * g[i] * g[i]
            m[i] = mu * m[i] + lr * g[i] / (math.sqrt(s[i]) + eps)
            out.append(w[i] - m[i])
        return out

    return run(step, options.get("lr", 1e-3), changing)


DIALECTS = {"keras": keras_rows, "torch": torch_rows, "keras2": keras2_rows}

EVERY = ["sgd", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamw", "nadam", "adamax"]


def cases():
    """(method, dialect, options, changing)"""
    for dialect in ("keras", "torch"):
        methods = EVERY + (["momentum"] if dialect == "keras" else [])
        for method in methods:
            yield method, dialect, {}, 0
            yield method, dialect, {"lr": 0.05}, 1
            yield method, dialect, {"lr": 0.02, "weight_decay": 0.1}, 1
        for clip in ({"clip_value": 0.5}, {"clip_norm": 0.7}, {"clip_global_norm": 0.9}, {"clip_global_norm": 1e6}):
            yield "sgd", dialect, {"lr": 0.1, **clip}, 0
            yield "adam", dialect, {"lr": 0.1, "weight_decay": 0.05, **clip}, 0
        yield "sgd", dialect, {"lr": 0.05, "momentum": 0.8}, 1
        yield "sgd", dialect, {"lr": 0.05, "momentum": 0.8, "nesterov": 1}, 1
        yield "rmsprop", dialect, {"lr": 0.02, "momentum": 0.7}, 1
        yield "rmsprop", dialect, {"lr": 0.02, "centered": 1}, 1
        yield "rmsprop", dialect, {"lr": 0.02, "rho": 0.8, "momentum": 0.7, "centered": 1, "epsilon": 1e-3}, 1
        yield "adam", dialect, {"lr": 0.03, "amsgrad": 1}, 1
        yield "adamw", dialect, {"lr": 0.03, "amsgrad": 1, "weight_decay": 0.2}, 1
        yield "adam", dialect, {"lr": 0.03, "beta1": 0.6, "beta2": 0.9, "epsilon": 1e-2}, 0
        yield "nadam", dialect, {"lr": 0.03, "beta1": 0.6, "beta2": 0.9, "epsilon": 1e-2}, 1
        yield "adamax", dialect, {"lr": 0.03, "beta1": 0.6, "beta2": 0.9, "epsilon": 1e-2}, 1
        yield "adagrad", dialect, {"lr": 0.3, "initial": 0.5, "epsilon": 1e-2}, 1
        yield "adadelta", dialect, {"lr": 0.7, "rho": 0.7, "epsilon": 1e-3}, 1
    yield "sgd", "torch", {"lr": 0.05, "momentum": 0.8, "dampening": 0.3}, 1
    yield "adagrad", "torch", {"lr": 0.3, "lr_decay": 0.1}, 1
    yield "rmsprop", "keras2", {}, 0
    yield "rmsprop", "keras2", {"lr": 0.02, "momentum": 0.7}, 1


def versions():
    import keras
    import torch

    return f"Keras {keras.__version__}, PyTorch {torch.__version__}"


def main():
    print("/* SPDX-License-Identifier: MIT")
    print(f" * Made by tools/golden_optimizers.py with {versions()}: do not edit. */")
    for method, dialect, options, changing in cases():
        rows = DIALECTS[dialect](method, options, changing)
        fields = ", ".join(f".{k} = {v!r}" for k, v in {**options}.items())
        dialect_field = f".dialect = EG_{dialect.upper()}"
        print(f'{{ "{method}", {{ {dialect_field}{", " if fields else ""}{fields} }}, {changing}, {{')
        for row in rows:
            print("    { " + ", ".join(f"{x:.17g}" for x in row) + " },")
        print("} },")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
