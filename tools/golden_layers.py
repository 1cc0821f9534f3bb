#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/nn/golden_layers.bin: what PyTorch makes of random layers, forward and gradients, in float64.

    tools/golden_layers.py tests/nn/golden_layers.bin

Every number that goes in is told by a formula (numbers below), so only what comes out is stored, and of that a few
elements of each tensor. Images are channels-last here and in the library; PyTorch sees them transposed. A record is

    u8 kind, u8 n, i16 parameter[n]; u8 tensors, each: u32 size, f32 sample[min(size, SAMPLES)]

with sample k the element (k * 2654435761 + 12345) % size. The parameters of each kind stand in its function.
"""
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

SAMPLES = 6
rng = np.random.default_rng(20240613)
torch.set_default_dtype(torch.float64)


def numbers(shape, seed):
    """Multiples of 1/128 in [-1, 1]; tests/nn/test_golden_layers.c has the same formula."""
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    n = (i * 7919 + seed * 104729 + i * i % 1009 * 31) % 257 - 128
    return torch.tensor((n / 128).reshape(shape))


def leaf(shape, seed, scale=1.0):
    return (numbers(shape, seed) * scale).requires_grad_()


def first(x):
    """channels-last to channels-first"""
    return x.movedim(-1, 1).contiguous()


def last(x):
    return x.movedim(1, -1)


def kernel_first(w):
    """[taps..., in, out] to [out, in, taps...]"""
    return w.movedim((-1, -2), (0, 1)).contiguous()


def draw(low, high):
    return int(rng.integers(low, high + 1))


class Record:
    def __init__(self, kind, *parameters):
        self.bytes = struct.pack("<BB", kind, len(parameters)) + struct.pack(f"<{len(parameters)}h", *parameters)
        self.tensors = []

    def add(self, *tensors):
        self.tensors += tensors
        return self

    def pack(self):
        out = self.bytes + struct.pack("<B", len(self.tensors))
        for t in self.tensors:
            flat = t.detach().contiguous().reshape(-1).numpy()
            at = (np.arange(min(len(flat), SAMPLES), dtype=np.uint64) * 2654435761 + 12345) % len(flat)
            out += struct.pack("<I", len(flat)) + flat[at.astype(np.int64)].astype("<f4").tobytes()
        return out


def gradients(y, leaves):
    """By the sum of y times numbers(y, 9)."""
    return torch.autograd.grad((y * numbers(y.shape, 9)).sum(), leaves)


def padding(spatial, n, taps, stride, dilation, same, pad):
    """(low, high) of each axis; same: the odd one behind."""
    if not same:
        return [(pad[a], pad[a]) for a in range(spatial)]
    out = []
    for a in range(spatial):
        missing = max((-(-n[a] // stride[a]) - 1) * stride[a] + (taps[a] - 1) * dilation[a] + 1 - n[a], 0)
        out.append((missing // 2, missing - missing // 2))
    return out


def padded(x, pads, value=0.0):
    """x channels-first"""
    flat = [v for pair in reversed(pads) for v in pair]
    return F.pad(x, flat, value=value)


def sayable(values):
    """In the library's options a second number of 0 repeats the first."""
    return [0] * len(values) if values[-1] == 0 else values


def draw_window(spatial, most_taps):
    """taps, stride, dilation, same, pad, n: a window that fits."""
    taps = [draw(1, most_taps) for _ in range(spatial)]
    stride = [draw(1, 3) for _ in range(spatial)]
    dilation = [draw(1, 2) if draw(0, 3) == 0 else 1 for _ in range(spatial)]
    same = draw(0, 1)
    pad = [0 if same else draw(0, taps[a] // 2) for a in range(spatial)]
    pad = sayable(pad)
    n = [(taps[a] - 1) * dilation[a] + 1 + draw(0, 6) for a in range(spatial)]
    return taps, stride, dilation, same, pad, n


def two(values):
    return list(values) + [0] * (2 - len(values))


# kind 0: conv. spatial, batch, n[2], channels, filters, taps[2], stride[2], dilation[2], same, pad[2], groups
def conv(spatial, depthwise=False):
    taps, stride, dilation, same, pad, n = draw_window(spatial, 5 if spatial == 1 else 4)
    groups = draw(2, 6) if depthwise else draw(2, 3) if draw(0, 3) == 0 else 1
    channels = groups * (1 if depthwise else draw(1, 5))
    filters = groups * (draw(1, 2) if depthwise else draw(1, 7 if draw(0, 5) else 40))
    batch = draw(1, 4) if draw(0, 7) else draw(20, 40)
    x, w = leaf([batch, *n, channels], 1), leaf([*taps, channels // groups, filters], 2)
    b = leaf([filters], 3)
    f = F.conv1d if spatial == 1 else F.conv2d
    y = last(f(padded(first(x), padding(spatial, n, taps, stride, dilation, same, pad)), kernel_first(w), b,
               stride=stride, dilation=dilation, groups=groups))
    r = Record(0, spatial, batch, *two(n), channels, filters, *two(taps), *two(stride), *two(dilation), same,
               *two(pad), groups)
    return r.add(y, *gradients(y, [x, w, b]))


# kind 1: transposed conv. spatial, batch, n[2], channels, filters, taps[2], stride[2], dilation[2], pad[2], extra[2], groups
def conv_transpose(spatial):
    taps, stride, dilation, _, _, n = draw_window(spatial, 4)
    stride = [min(stride[a], (taps[a] - 1) * dilation[a] + 1) for a in range(spatial)]  # else Keras' result is longer
    groups = draw(2, 3) if draw(0, 3) == 0 else 1
    channels, filters, batch = groups * draw(1, 5), groups * draw(1, 6), draw(1, 4)
    pad = sayable([draw(0, (taps[a] - 1) * dilation[a] // 2) for a in range(spatial)])
    extra = sayable([draw(0, max(stride[a], dilation[a]) - 1) for a in range(spatial)])
    x, w, b = leaf([batch, *n, channels], 1), leaf([*taps, filters // groups, channels], 2), leaf([filters], 3)
    f = F.conv_transpose1d if spatial == 1 else F.conv_transpose2d
    y = last(f(first(x), kernel_first(w), b, stride=stride, padding=pad, output_padding=extra, groups=groups,
               dilation=dilation))
    r = Record(1, spatial, batch, *two(n), channels, filters, *two(taps), *two(stride), *two(dilation), *two(pad),
               *two(extra), groups)
    return r.add(y, *gradients(y, [x, w, b]))


# kind 2: pooling. spatial, batch, n[2], channels, taps[2], stride[2], same, pad[2], how (0 max, 1 average, 2 counted)
def pool(spatial, how):
    taps, stride, _, same, pad, n = draw_window(spatial, 4)
    batch, channels = draw(1, 4), draw(1, 20)
    x = leaf([batch, *n, channels], 1)
    pads = padding(spatial, n, taps, stride, [1] * spatial, same, pad)
    if how == 0:
        f = F.max_pool1d if spatial == 1 else F.max_pool2d
        y = f(padded(first(x), pads, -float("inf")), taps, stride)
    else:
        f = F.avg_pool1d if spatial == 1 else F.avg_pool2d
        y = f(padded(first(x), pads), taps, stride)
        if how == 1:
            y = y / f(padded(torch.ones_like(first(x)), pads), taps, stride)
    y = last(y)
    r = Record(2, spatial, batch, *two(n), channels, *two(taps), *two(stride), same, *two(pad), how)
    return r.add(y, *gradients(y, [x]))


# kind 3: batch norm. spatial, batch, n[2], channels, training, momentum in percent
def batch_norm(spatial, training):
    n, batch, channels, percent = [draw(1, 6) for _ in range(spatial)], draw(2, 6), draw(1, 40), draw(1, 50)
    x, gamma, beta = leaf([batch, *n, channels], 1), leaf([channels], 2), leaf([channels], 3)
    mean, variance = numbers([channels], 4), numbers([channels], 5).abs() + 0.5
    y = last(F.batch_norm(first(x), mean, variance, gamma, beta, bool(training), percent / 100, 1e-5))
    r = Record(3, spatial, batch, *two(n), channels, training, percent)
    return r.add(y, *gradients(y, [x, gamma, beta]), mean, variance)


# kind 4: layer norm. rank, batch, dim[3], axes
def layer_norm():
    rank, batch = draw(1, 3), draw(1, 6)
    shape, axes = [draw(2, 9) for _ in range(rank)], draw(1, rank)
    x, gamma, beta = leaf([batch, *shape], 1), leaf(shape[-axes:], 2), leaf(shape[-axes:], 3)
    y = F.layer_norm(x, shape[-axes:], gamma, beta, 1e-5)
    return Record(4, rank, batch, *(shape + [0] * (3 - rank)), axes).add(y, *gradients(y, [x, gamma, beta]))


# kind 5: group norm. spatial, batch, n[2], channels, groups
def group_norm(spatial):
    n, batch, groups = [draw(1, 6) for _ in range(spatial)], draw(1, 4), draw(1, 4)
    channels = groups * draw(2, 6)
    x, gamma, beta = leaf([batch, *n, channels], 1), leaf([channels], 2), leaf([channels], 3)
    y = last(F.group_norm(first(x), groups, gamma, beta, 1e-5))
    return Record(5, spatial, batch, *two(n), channels, groups).add(y, *gradients(y, [x, gamma, beta]))


# kind 6: upsampling. spatial, batch, n[2], channels, times[2]
def upsample(spatial):
    n, times = [draw(1, 5) for _ in range(spatial)], [draw(1, 3) for _ in range(spatial)]
    batch, channels = draw(1, 3), draw(1, 8)
    x = leaf([batch, *n, channels], 1)
    y = last(F.interpolate(first(x), scale_factor=[float(t) for t in times], mode="nearest"))
    return Record(6, spatial, batch, *two(n), channels, *two(times)).add(y, *gradients(y, [x]))


ACTIVATIONS = [lambda x: x, torch.relu, torch.tanh, torch.sigmoid, lambda x: torch.softmax(x, -1),
               lambda x: F.leaky_relu(x, 0.2), F.elu, F.gelu, F.softplus]


# kind 7: dense. batch, in, out, activation (of linear relu tanh sigmoid softmax leaky_relu elu gelu softplus)
def dense(which):
    batch, inputs, outputs = draw(1, 40), draw(1, 60), draw(1, 70)
    x, w, b = leaf([batch, inputs], 1), leaf([inputs, outputs], 2, 0.5), leaf([outputs], 3)
    y = ACTIVATIONS[which](x @ w + b)
    return Record(7, batch, inputs, outputs, which).add(y, *gradients(y, [x, w, b]))


def main():
    records = []
    for i in range(300):
        records.append(conv(1 + (i % 3 > 0)))
    for i in range(80):
        records.append(conv(1 + i % 2, depthwise=True))
    for i in range(150):
        records.append(conv_transpose(1 + i % 2))
    for i in range(240):
        records.append(pool(1 + i // 3 % 2, i % 3))
    for i in range(90):
        records.append(batch_norm(1 + i % 2, i // 2 % 2))
    for i in range(50):
        records.append(layer_norm())
    for i in range(50):
        records.append(group_norm(1 + i % 2))
    for i in range(40):
        records.append(upsample(1 + i % 2))
    for i in range(135):
        records.append(dense(i % len(ACTIVATIONS)))
    with open(sys.argv[1], "wb") as f:
        f.write(b"EGGL" + struct.pack("<I", len(records)) + b"".join(r.pack() for r in records))


main()
