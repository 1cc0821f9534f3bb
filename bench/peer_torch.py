#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""PyTorch's side of the benchmark (see peer.py), at its best setting: eager or compiled (torch.compile), with the optimizer's
fused, foreach or compiled form, images in either memory format: whichever is fastest for the work. Denormals are flushed, as
elegans does. Threads spin for a while (GOMP_SPINCOUNT), which is best with MKL; with OpenBLAS, as Debian builds it, two pools
would fight, so there they wait passively."""
import os

import peer

if "GOMP_SPINCOUNT" not in os.environ:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
import logging  # noqa: E402
import warnings  # noqa: E402

import torch  # noqa: E402
from torch import nn  # noqa: E402

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
torch.set_num_threads(peer.THREADS)
torch.set_flush_denormal(True)
NAME = "PyTorch " + ".".join(torch.__version__.split(".")[:2])
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "gelu": nn.GELU}


# ---- networks, from the words of works.txt ----------------------------------------------------------------------


class First(nn.Module):
    """A recurrent layer without its last states."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


def attention(q, k, v):
    if hasattr(nn.functional, "scaled_dot_product_attention"):
        return nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    t = q.shape[-2]
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    return torch.softmax(scores.masked_fill(torch.ones(t, t, dtype=torch.bool).triu(1), -torch.inf), -1) @ v


class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.norm, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dense = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(self.norm(x)).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        y = attention(q, k, v)
        h = x + self.out(y.transpose(1, 2).reshape(b, t, c))
        return h + self.dense(self.norm2(h))


def activated(layer, words):
    return [layer] + [ACTIVATIONS[word]() for word in words if word in ACTIVATIONS]


def network(work, softmax=True):
    """nn.Sequential for the layers; shapes are followed by hand, channels first."""
    shape, layers = work.input(), []
    if len(shape) == 3:
        shape = [shape[2], shape[0], shape[1]]
    for kind, *words in work.layers:
        if kind == "dense":
            if len(shape) == 3:
                layers.append(nn.Flatten())
                shape = [shape[0] * shape[1] * shape[2]]
            layers += activated(nn.Linear(shape[-1], int(words[0])), words)
            shape = [*shape[:-1], int(words[0])]
            if "softmax" in words and softmax:
                layers.append(nn.Softmax(-1))
        elif kind == "conv":
            out, taps, pad = int(words[0]), int(words[1]), int(words[1]) // 2 if "same" in words else 0
            layers += activated(nn.Conv2d(shape[0], out, taps, padding=pad), words)
            shape = [out] + [n + 2 * pad - taps + 1 for n in shape[1:]]
        elif kind == "max_pool":
            layers.append(nn.MaxPool2d(2))
            shape = [shape[0], shape[1] // 2, shape[2] // 2]
        elif kind == "block":
            layers.append(Block(shape[-1], int(words[0]), int(words[1])))
        else:
            recurrent = {"simple_rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[kind]
            layers.append(First(recurrent(shape[-1], int(words[0]), batch_first=True)))
            shape = [shape[0], int(words[0])]
    return nn.Sequential(*layers), shape


def rows(work):
    shape = work.input()
    if len(shape) == 3:
        shape = [shape[2], shape[0], shape[1]]
    return [torch.rand(work.number("batch", 1), *shape) for _ in range(work.batches())]


# ---- works --------------------------------------------------------------------------------------------------------


def optimizers(work, parameters):
    """All forms of the optimizer that this version has."""
    kind, options = work.get("optimizer"), [{}, {"foreach": True}, {"fused": True}]
    make = {
        "sgd": lambda **o: torch.optim.SGD(parameters, lr=1e-3, **o),
        "adam": lambda **o: torch.optim.Adam(parameters, lr=1e-3, **o),
        "rmsprop": lambda **o: torch.optim.RMSprop(parameters, lr=1e-3, alpha=0.9, **o),
    }[kind]
    found = []
    for option in options:
        try:
            found.append(make(**option))
        except (TypeError, RuntimeError):
            pass
    return found


def training(forward, loss_of, update, update_step, batches):
    turn = [0]

    def step():
        x, y = batches[turn[0]]
        turn[0] = (turn[0] + 1) % len(batches)
        update.zero_grad(set_to_none=True)
        loss_of(forward(x), y).backward()
        update_step()

    return step


def step(work):
    torch.manual_seed(1)
    net, shape = network(work)
    mse = work.get("loss") == "mse"
    wanted = [work.number("batch"), *shape] if mse else [work.number("batch"), *shape[:-1]]
    y = [torch.rand(*wanted) if mse else torch.randint(0, shape[-1], wanted) for _ in range(work.batches())]

    def loss_of(p, y):
        return nn.functional.mse_loss(p, y) if mse else nn.functional.cross_entropy(p.flatten(0, -2), y.flatten())

    x = rows(work)
    forms = [(net, x)]
    if len(work.input()) == 3:
        last = network(work)[0].to(memory_format=torch.channels_last)
        forms.append((last, [one.to(memory_format=torch.channels_last) for one in x]))
    calls = []
    for model, inputs in forms:
        batches, found = list(zip(inputs, y)), optimizers(work, list(model.parameters()))
        calls += [training(model, loss_of, o, o.step, batches) for o in found]
    if hasattr(torch, "compile"):
        whole, update = torch.compile(lambda x, y: loss_of(model(x), y)), torch.compile(found[0].step)
        calls.append(training(model, loss_of, found[0], update, batches))
        calls += [training(lambda x: x, whole, o, its, batches) for o, its in ((found[-1], found[-1].step), (found[0], update))]
    return calls


def predict(work):
    torch.manual_seed(1)
    net, _ = network(work)
    net.eval()
    x, turn = rows(work), [0]
    last = [one.to(memory_format=torch.channels_last) for one in x] if len(work.input()) == 3 else None
    ways = [(net, x)]
    if last:
        ways.append((network(work)[0].eval().to(memory_format=torch.channels_last), last))
    calls = []

    def call_of(model, inputs):
        def call():
            turn[0] = (turn[0] + 1) % len(inputs)
            with torch.inference_mode():
                model(inputs[turn[0]])

        return call

    for model, inputs in ways:
        calls.append(call_of(model, inputs))
        with torch.no_grad():
            calls.append(call_of(torch.jit.optimize_for_inference(torch.jit.trace(model, inputs[0])), inputs))
        if hasattr(torch, "compile"):
            calls.append(call_of(torch.compile(model), inputs))
    return calls


def gemm(work):
    m, k, n, form = work.number("m"), work.number("k"), work.number("n"), work.get("form", "ab")
    a = torch.rand(k, m).t() if form == "atb" else torch.rand(m, k)
    b = torch.rand(n, k).t() if form == "abt" else torch.rand(k, n)
    out = torch.empty(m, n)
    return lambda: torch.mm(a, b, out=out)


def conv(work):
    size, channels, taps, filters = (work.number(key) for key in ("size", "channels", "taps", "out"))
    pad, calls = taps // 2 if work.number("same") else 0, []
    side = size + 2 * pad - taps + 1
    mask = {"data": [True, False, False], "weights": [False, True, False], "forward": None}[work.get("pass")]
    for layout in (torch.contiguous_format, torch.channels_last):
        x = torch.rand(64, channels, size, size).to(memory_format=layout)
        w = torch.rand(filters, channels, taps, taps).to(memory_format=layout)
        dy = torch.rand(64, filters, side, side).to(memory_format=layout)
        if mask:
            rest = (None, [1, 1], [pad, pad], [1, 1], False, [0, 0], 1, mask)
            calls.append(lambda x=x, w=w, dy=dy, rest=rest: torch.ops.aten.convolution_backward(dy, x, w, *rest))
        else:
            calls.append(lambda x=x, w=w: nn.functional.conv2d(x, w, padding=pad))
    return calls


def each(work):
    x, op = torch.rand(work.number("n")), work.get("op")
    out = torch.empty_like(x)
    if op == "normal":
        return lambda: out.normal_()
    f = {"exp": torch.exp, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": None}[op]
    if f is None:
        return lambda: torch.clamp(x, min=0, out=out)
    calls = [lambda: f(x, out=out)]
    if hasattr(torch, "compile"):
        whole = torch.compile(lambda x: f(x))
        calls.append(lambda: whole(x))
    return calls


def update(work):
    p = nn.Parameter(torch.rand(work.number("n")))
    p.grad = torch.rand(work.number("n"))
    found = optimizers(work, [p])
    calls = [one.step for one in found]
    if hasattr(torch, "compile"):
        calls.append(torch.compile(found[0].step))
    return calls


KINDS = {"gemm": gemm, "conv": conv, "step": step, "predict": predict, "map": each, "update": update}


def prepare(work):
    if work.kind == "build":
        raise peer.NotOffered("eager: there is no program to build")
    if work.kind not in KINDS:
        raise peer.NotOffered("not one of its works")
    if hasattr(torch, "compiler"):
        torch.compiler.reset()
    with torch.no_grad() if work.kind in ("gemm", "conv", "map") else torch.enable_grad():
        return KINDS[work.kind](work), NAME


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer.main(prepare)
