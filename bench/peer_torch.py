# SPDX-License-Identifier: MIT
"""PyTorch's side of the benchmarks, at its best setting: the same work as bench_step, one JSON line per figure.

usage: peer_torch.py THREADS SECONDS [NAME ...]
Each line: {"name": ..., "side": "pytorch", "threads": N, "us": median microseconds, "min": ..., "runs": N}
"""
import itertools
import json
import os
import sys
import time

THREADS, SECONDS = int(sys.argv[1]), float(sys.argv[2])
WANTED = set(sys.argv[3:])
os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # its two pools of threads fight otherwise
for name in [key for key in os.environ if key.startswith("OPENBLAS_")]:
    del os.environ[name]

import torch  # noqa: E402

torch.set_num_threads(THREADS)
torch.manual_seed(1)
torch.set_flush_denormal(True)  # without it its optimizers slow down several times as weights settle


def training_step(sizes, batch, activation, optimizer, **options):
    """One forward, backward and update of an MLP with softmax cross-entropy, on 64 batches of random data in turn."""
    layers = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layers.append(torch.nn.Linear(a, b))
        if i < len(sizes) - 2:
            layers.append(activation())
    net = torch.nn.Sequential(*layers)
    batches = [(torch.rand(batch, sizes[0]), torch.randint(0, sizes[-1], (batch,))) for _ in range(64)]
    turn = itertools.cycle(batches)
    update = optimizer(net.parameters(), **options)
    loss_of = torch.nn.CrossEntropyLoss()

    def step():
        x, y = next(turn)
        update.zero_grad(set_to_none=True)
        loss = loss_of(net(x), y)
        loss.backward()
        update.step()

    return step


def image_step(channels, size, *layers):
    """The same for an image network, batch 64, in the memory format that suits it best here."""
    net = torch.nn.Sequential(*layers).to(memory_format=torch.channels_last)
    x = torch.rand(64, channels, size, size).to(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (64,))
    update, loss_of = torch.optim.Adam(net.parameters(), lr=1e-3), torch.nn.CrossEntropyLoss()

    def step():
        update.zero_grad(set_to_none=True)
        loss_of(net(x), y).backward()
        update.step()

    return step


def conv(a, b, taps, padding):
    return torch.nn.Conv2d(a, b, taps, padding=padding), torch.nn.ReLU()


def dense(a, b):
    return torch.nn.Linear(a, b), torch.nn.ReLU()


def lenet():
    pool = torch.nn.MaxPool2d
    return image_step(1, 28, *conv(1, 6, 5, 2), pool(2), *conv(6, 16, 5, 0), pool(2), torch.nn.Flatten(),
                      *dense(400, 120), *dense(120, 84), torch.nn.Linear(84, 10))


def vgg_small():
    pool = torch.nn.MaxPool2d
    return image_step(3, 32, *conv(3, 32, 3, 1), *conv(32, 32, 3, 1), pool(2), *conv(32, 64, 3, 1), *conv(64, 64, 3, 1),
                      pool(2), torch.nn.Flatten(), *dense(4096, 128), torch.nn.Linear(128, 10))


def prediction(sizes):
    net = torch.nn.Sequential(
        torch.nn.Linear(sizes[0], sizes[1]), torch.nn.ReLU(), torch.nn.Linear(sizes[1], sizes[2]), torch.nn.Softmax(1))
    x = torch.rand(1, sizes[0])

    def step():
        with torch.no_grad():
            net(x)

    return step


def recurrent_step(kind):
    """A model of characters as in bench_recurrent: 65 one-hot features, 128 units, 64 steps, batch 32, Adam."""
    net, head = kind(65, 128, batch_first=True), torch.nn.Linear(128, 65)
    batches = [(torch.nn.functional.one_hot(torch.randint(0, 65, (32, 64)), 65).float(), torch.randint(0, 65, (32 * 64,)))
               for _ in range(8)]
    turn = itertools.cycle(batches)
    update = torch.optim.Adam([*net.parameters(), *head.parameters()], lr=1e-3)
    loss_of = torch.nn.CrossEntropyLoss()

    def step():
        x, y = next(turn)
        update.zero_grad(set_to_none=True)
        loss = loss_of(head(net(x)[0]).reshape(-1, 65), y)
        loss.backward()
        update.step()

    return step


WORK = {
    "mnist_rmsprop": lambda: training_step((784, 512, 10), 128, torch.nn.ReLU, torch.optim.RMSprop, lr=1e-3, alpha=0.9),
    "mnist_adam": lambda: training_step((784, 512, 10), 128, torch.nn.ReLU, torch.optim.Adam, lr=1e-3),
    "tiny_4_16_3": lambda: training_step((4, 16, 3), 32, torch.nn.ReLU, torch.optim.Adam, lr=1e-3),
    "spiral_2_100_3": lambda: training_step((2, 100, 3), 300, torch.nn.ReLU, torch.optim.SGD, lr=1.0),
    "lenet_64": lenet,
    "vgg_small_64": vgg_small,
    "predict_mnist": lambda: prediction((784, 512, 10)),
    "predict_4_16_3": lambda: prediction((4, 16, 3)),
    "rnn_128": lambda: recurrent_step(torch.nn.RNN),
    "lstm_128": lambda: recurrent_step(torch.nn.LSTM),
    "gru_128": lambda: recurrent_step(torch.nn.GRU),
}

for name, make in WORK.items():
    if WANTED and name not in WANTED:
        continue
    step, times = make(), []
    for _ in range(20):
        step()
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    times.sort()
    print(json.dumps({"name": name, "side": "pytorch " + torch.__version__, "threads": THREADS,
                      "us": times[len(times) // 2] * 1e6, "min": times[0] * 1e6, "runs": len(times)}), flush=True)
