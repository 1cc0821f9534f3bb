#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The side of NumPy, pandas and Pillow (see peer.py): reading files into arrays."""
import os

import peer
import numpy
import pandas


def idx(path):
    with open(os.path.join(path, "train-images-idx3-ubyte"), "rb") as images, open(os.path.join(path, "train-labels-idx1-ubyte"), "rb") as labels:
        x, y = numpy.frombuffer(images.read(), numpy.uint8, offset=16), numpy.frombuffer(labels.read(), numpy.uint8, offset=8)
    return x.reshape(-1, 28, 28), y.astype(numpy.int32)


def csv(path):
    table = pandas.read_csv(path)
    names, y = numpy.unique(table.iloc[:, -1].to_numpy(str), return_inverse=True)
    return table.iloc[:, :-1].to_numpy(numpy.float32), y.astype(numpy.int32), names


def png(path):
    from PIL import Image

    images, labels = [], []
    for label, folder in enumerate(sorted(os.listdir(path))):
        for file in sorted(os.listdir(os.path.join(path, folder))):
            images.append(numpy.asarray(Image.open(os.path.join(path, folder, file))))
            labels.append(label)
    return numpy.stack(images), numpy.array(labels, numpy.int32)


READERS = {"idx": (idx, "NumPy"), "csv": (csv, "pandas"), "png": (png, "Pillow")}


def prepare(work):
    if work.kind != "read":
        raise peer.NotOffered("files only")
    read, name = READERS[work.get("format")]
    return (lambda: read(work.get("path"))), name


if __name__ == "__main__":
    peer.main(prepare)
