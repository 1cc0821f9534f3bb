#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scikit-learn's side of the benchmark (see peer.py): MLPClassifier and MLPRegressor, a training step as partial_fit of one batch."""
import warnings

import peer
import numpy
import sklearn
from sklearn.neural_network import MLPClassifier, MLPRegressor

NAME = "scikit-learn " + ".".join(sklearn.__version__.split(".")[:2])
random = numpy.random.default_rng(1)


def network(work):
    words = [set(layer) for layer in work.layers]
    if any(layer[0] != "dense" for layer in work.layers) or work.get("optimizer") == "rmsprop":
        raise peer.NotOffered("dense layers with SGD or Adam only")
    acts = {name for w in words[:-1] for name in ("relu", "tanh", "sigmoid") if name in w}
    hidden = [int(layer[1]) for layer in work.layers[:-1]]
    act = "logistic" if "sigmoid" in acts else acts.pop()
    mse = work.get("loss") == "mse"
    make = MLPRegressor if mse else MLPClassifier
    net = make(hidden_layer_sizes=hidden, activation=act, solver=work.get("optimizer", "adam"), alpha=0, batch_size=work.number("batch", 1), momentum=0,
               learning_rate_init=1e-3)
    outputs = int(work.layers[-1][1])
    x = [random.random((work.number("batch", 1), work.input()[0]), numpy.float32) for _ in range(work.batches())]
    y = [random.random(len(one)) if mse else random.integers(0, outputs, len(one)) for one in x]
    if mse:
        net.partial_fit(x[0], y[0])
    else:
        net.partial_fit(x[0], y[0], classes=list(range(outputs)))
    return net, x, y


def step(work):
    net, x, y = network(work)
    turn = [0]

    def call():
        i = turn[0] = (turn[0] + 1) % len(x)
        net.partial_fit(x[i], y[i])

    return call


def predict(work):
    net, x, _ = network(work)
    turn = [0]

    def call():
        i = turn[0] = (turn[0] + 1) % len(x)
        net.predict_proba(x[i])

    return call


def prepare(work):
    if work.kind not in ("step", "predict"):
        raise peer.NotOffered("training and predicting only")
    return (step if work.kind == "step" else predict)(work), NAME


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    peer.main(prepare)
