#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/nn/golden_recurrent.bin: what PyTorch makes of random recurrent layers and attention, forward and gradients.

    tools/golden_recurrent.py tests/nn/golden_recurrent.bin

In float64, by torch's own rnn, lstm, gru and multi_head_attention_forward; the gru that resets before its product, which
torch does not have, is written out. Every number that goes in is told by a formula (numbers below); of what comes out a few
elements of each tensor are stored. A record is

    u8 kind, u8 n, i16 parameter[n]; u8 tensors, each: u32 size, f32 sample[min(size, SAMPLES)]

with sample k the element (k * 2654435761 + 12345) % size; the tensors are y, the gradient by x, and those by the parameters
in the library's order and form (kernels [in, out], keras gates i f g o and z r n, torch gates r z n).
Recurrent: kind, parameters batch, steps, inputs, units, torch, return_sequences, bidirectional, backwards, relu, no_bias,
reset_before, lengths. Attention: batch, steps, features, heads, causal, no_bias.
"""
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence

SAMPLES = 5
RNN, LSTM, GRU, ATTENTION = range(4)
GATES = {RNN: 1, LSTM: 4, GRU: 3}
rng = np.random.default_rng(20240714)
torch.set_default_dtype(torch.float64)


def numbers(shape, seed):
    """Multiples of 1/128 in [-1, 1]; tests/nn/test_golden_recurrent.c has the same formula."""
    i = np.arange(int(np.prod(shape)), dtype=np.int64)
    n = (i * 7919 + seed * 104729 + i * i % 1009 * 31) % 257 - 128
    return torch.tensor((n / 128).reshape(shape))


def leaf(shape, seed, scale=1.0):
    return (numbers(shape, seed) * scale).requires_grad_()


def draw(low, high):
    return int(rng.integers(low, high + 1))


def chance(share):
    return int(rng.random() < share)


def pack(kind, parameters, tensors):
    out = struct.pack("<BB", kind, len(parameters)) + struct.pack(f"<{len(parameters)}h", *parameters)
    out += struct.pack("<B", len(tensors))
    for t in tensors:
        flat = t.detach().contiguous().reshape(-1).numpy()
        at = (np.arange(min(len(flat), SAMPLES), dtype=np.uint64) * 2654435761 + 12345) % len(flat)
        out += struct.pack("<I", len(flat)) + flat[at.astype(np.int64)].astype("<f4").tobytes()
    return out


def gradients(y, leaves):
    return torch.autograd.grad((y * numbers(y.shape, 9)).sum(), leaves)


def swapped(w, units):
    """columns z r n to r z n"""
    return torch.cat([w[..., units:2 * units], w[..., :units], w[..., 2 * units:]], -1)


def direction_parameters(kind, c, first):
    columns = GATES[kind] * c["units"]
    scale = 1 / np.sqrt(c["units"] + c["inputs"])
    shapes = [(c["inputs"], columns), (c["units"], columns)]
    if not c["no_bias"]:
        pair = kind == GRU and not c["torch"] and not c["reset_before"]
        shapes += [(columns,), (columns,)] if c["torch"] and not c["reset_before"] else [(2, columns) if pair else (columns,)]
    return [leaf(s, first + i, scale if i < 2 else .5) for i, s in enumerate(shapes)]


def torch_weights(kind, c, p):
    kernel, recurrent, biases = p[0], p[1], list(p[2:])
    zero = torch.zeros(kernel.shape[1])
    if biases and biases[0].dim() == 2:
        biases = [biases[0][0], biases[0][1]]
    biases += [zero] * (2 - len(biases))
    w = [kernel, recurrent] + biases
    if kind == GRU and not c["torch"]:
        w = [swapped(x, c["units"]) for x in w]
    return [w[0].T, w[1].T, w[2], w[3]]


def reset_before(c, p, x):
    """one direction, x [batch, steps, inputs] walked in order; all states"""
    u = c["units"]
    kernel, recurrent = p[0], p[1]
    bias = p[2] if len(p) > 2 else torch.zeros(3 * u)
    update, reset = (1, 0) if c["torch"] else (0, 1)
    h, states = torch.zeros(x.shape[0], u), []
    for t in range(x.shape[1]):
        a, b = x[:, t] @ kernel + bias, h @ recurrent[:, :2 * u]
        z = torch.sigmoid(a[:, update * u:(update + 1) * u] + b[:, update * u:(update + 1) * u])
        r = torch.sigmoid(a[:, reset * u:(reset + 1) * u] + b[:, reset * u:(reset + 1) * u])
        h = z * h + (1 - z) * torch.tanh(a[:, 2 * u:] + (r * h) @ recurrent[:, 2 * u:])
        states.append(h)
    return torch.stack(states, 1)


def native(kind, c, halves, x, lengths):
    """torch's own loop: all states and the last ones of each direction"""
    weights = [w for p in halves for w in torch_weights(kind, c, p)]
    zero = torch.zeros(len(halves), x.shape[0], c["units"])
    hx = (zero, zero) if kind == LSTM else zero
    fn = {RNN: torch._VF.rnn_relu if c["relu"] else torch._VF.rnn_tanh, LSTM: torch._VF.lstm, GRU: torch._VF.gru}[kind]
    if lengths is None:
        out = fn(x, hx, weights, True, 1, 0.0, False, len(halves) == 2, True)
    else:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        out = fn(packed.data, packed.batch_sizes, hx, weights, True, 1, 0.0, False, len(halves) == 2)
        order = packed.unsorted_indices
        return None, [h[order] for h in out[1]]
    return out[0], list(out[1])


def recurrent(kind):
    c = dict(batch=draw(1, 5), steps=draw(1, 7), inputs=draw(1, 9), units=draw(1, 40) if chance(.3) else draw(1, 9),
             torch=chance(.5), return_sequences=chance(.5), bidirectional=chance(.4), backwards=0,
             relu=chance(.5) if kind == RNN else 0, no_bias=chance(.2), reset_before=chance(.3) if kind == GRU else 0,
             lengths=0)
    if not c["bidirectional"]:
        c["backwards"] = chance(.3)
    if not c["return_sequences"] and not c["backwards"] and not c["reset_before"]:
        c["lengths"] = chance(.5)
    x = leaf((c["batch"], c["steps"], c["inputs"]), 1)
    n = 2 if c["bidirectional"] else 1
    first = direction_parameters(kind, c, 2)
    halves = [first] + ([direction_parameters(kind, c, 2 + len(first))] if n == 2 else [])
    lengths = torch.tensor([1 + (i * 3 + 1) % c["steps"] for i in range(c["batch"])]) if c["lengths"] else None
    seen = x.flip(1) if c["backwards"] else x
    if c["reset_before"]:
        every = [reset_before(c, p, seen if d == 0 else x.flip(1)) for d, p in enumerate(halves)]
        last = [e[:, -1] for e in every]
        every = torch.cat([every[0]] + [e.flip(1) for e in every[1:]], -1)
    else:
        every, last = native(kind, c, halves, seen, lengths)
    if c["return_sequences"]:
        y = every.flip(1) if c["backwards"] else every
    else:
        y = torch.cat(last, -1)
    leaves = [x] + [p for half in halves for p in half]
    return pack(kind, list(c.values()), [y] + list(gradients(y, leaves)))


def attention():
    heads = draw(1, 4)
    c = dict(batch=draw(1, 4), steps=draw(1, 7), features=heads * draw(1, 6), heads=heads, causal=chance(.5),
             no_bias=chance(.3))
    e, t = c["features"], c["steps"]
    x = leaf((c["batch"], t, e), 1)
    shapes = [(e, e)] if c["no_bias"] else [(e, e), (e,)]
    p = [leaf(s, 2 + i, .5) for i, s in enumerate(shapes * 4)]
    w, b = (p, [torch.zeros(e)] * 4) if c["no_bias"] else (p[0::2], p[1::2])
    mask = torch.triu(torch.full((t, t), float("-inf")), 1) if c["causal"] else None
    y, _ = F.multi_head_attention_forward(
        *[x.transpose(0, 1)] * 3, e, heads, torch.cat([w[i].T for i in range(3)]), torch.cat(b[:3]), None, None, False, 0.0,
        w[3].T, b[3], training=False, need_weights=False, attn_mask=mask)
    y = y.transpose(0, 1)
    return pack(ATTENTION, list(c.values()), [y] + list(gradients(y, [x] + p)))


def main():
    records = [recurrent(kind) for _ in range(130) for kind in (RNN, LSTM, GRU)] + [attention() for _ in range(80)]
    with open(sys.argv[1], "wb") as file:
        file.write(struct.pack("<I", len(records)) + b"".join(records))


main()
