#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/tensor/print_golden.h: what NumPy's str() says about a table of arrays (needs NumPy 2.3 or newer).

An array is a list of numbers, or "offset + i * scale" for all of its elements in order.
"""
import numpy as np

inf, nan = float("inf"), float("nan")
DTYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "u8": np.uint8}
LISTS = [
    ("f64", (3,), [1, 2, 3]), ("f64", (2, 2), [1, 2, 3, 4.5]), ("f64", (3,), [0.1, 1 / 3, 2 / 3]),
    ("f64", (3,), [-1, 0, 1]), ("f64", (2,), [-0.0, 0.0]), ("f64", (3,), [1e-5, 1, 2]), ("f64", (3,), [0.0001, 1e-1, 0.09]),
    ("f64", (2,), [1e8, 1]), ("f64", (2,), [99999999, 1e6]), ("f64", (3,), [1, 1000, 1000.5]), ("f64", (2,), [1, 1001]),
    ("f64", (3,), [1e100, 1e5, -1e-300]), ("f64", (4,), [nan, 1, inf, -inf]), ("f64", (2,), [nan, nan]),
    ("f64", (2,), [-inf, nan]), ("f64", (3,), [inf, 1e-9, 1e9]), ("f64", (2, 2), [nan, 100.25, -3, 1e-3]),
    ("f64", (4,), [0.123456789, 0.5, 0.999999999, 12.125]), ("f64", (3,), [5e-324, 1.7976931348623157e308, 0]),
    ("f64", (1, 1, 1), [7]), ("f64", (4,), [0, 0, 0, 0]), ("f64", (2,), [1.5e-8, 2.25e-8]),
    ("f64", (2,), [9.999999999, 0.1]), ("f64", (3,), [0.30000000000000004, 1e-4, 9.99e-5]),
    ("f32", (3,), [0.1, 1 / 3, 2 / 3]), ("f32", (2,), [1e6, 1]), ("f32", (2,), [999999, 1000]),
    ("f32", (3,), [0.0001, 0.05, 0.02]), ("f32", (3,), [2.0**87, 2.0**-96, 1]),
    ("f32", (4,), [1.4e-45, 3.4028235e38, -1, 0]), ("f32", (3,), [16777216, 1e-3, 3]),
    ("f32", (3,), [-1.0928943, 5.1153642e-01, 1e-4]), ("f32", (2, 3), [0.2, -0.7, 1.5, nan, 0, 33]),
    ("f32", (3,), [0.7, 0.25, 100.1]), ("i32", (4,), [1, -20, 300, 0]),
    ("i32", (2, 2), [-2147483648, 2147483647, 0, 1]), ("i32", (1,), [0]), ("u8", (2, 3), [0, 1, 2, 10, 100, 255]),
    ("f64", (), [0.1]), ("f64", (), [1e16]), ("f64", (), [123456789012345.0]), ("f64", (), [1e-5]), ("f64", (), [-0.0]),
    ("f64", (), [nan]), ("f64", (), [-inf]), ("f64", (), [1 / 3]), ("f64", (), [1.25e-300]), ("f32", (), [0.1]),
    ("f32", (), [1e6]), ("f32", (), [999999.5]), ("f32", (), [1e-4]), ("f32", (), [16777216]), ("i32", (), [-7]),
    ("u8", (), [200]),
]
RAMPS = [
    ("f64", (0,), 0, 1), ("f64", (0, 3), 0, 1), ("f64", (2, 0, 3), 0, 1), ("f64", (20,), 0, 1), ("f64", (30,), 0, 0.1),
    ("f64", (4, 12), -20, 0.73), ("f64", (40,), 0, 1), ("f64", (1001,), 0, 1), ("f64", (7, 200), 0, 0.5),
    ("f64", (40, 40), 0, 1), ("f64", (10, 4, 30), 0, 1), ("f64", (2, 3, 2), 0, 1), ("f64", (2, 2, 2, 2), 1, 1),
    ("f64", (1, 2, 1, 2, 1), 0, 0.25), ("f32", (60,), 0, 0.1), ("f32", (3, 9), 0, 1e-5), ("f32", (40, 28), 0, 1 / 255),
    ("i32", (25,), -3, 7), ("i32", (3, 30), 0, 1000003), ("i32", (5000,), 0, 1), ("u8", (2, 2, 3), 0, 20),
    ("i32", (7, 7, 30), 0, 1), ("f64", (1, 1, 1, 1, 1, 1, 1, 2), 0, 1),
]


def number(x):
    return "NAN" if x != x else "-INFINITY" if x == -inf else "INFINITY" if x == inf else repr(float(x))


def row(dtype, a, values, offset, scale):
    text = "\\n\"\n      \"".join(str(a).split("\n"))
    data = "{ %s }" % ", ".join(map(number, values or [0]))
    dims = "{ %d, { %s } }" % (a.ndim, ", ".join(map(str, a.shape)) or "0")
    head = "EG_%s, %s, %d, %s, %s, %s" % (dtype.upper(), dims, len(values) if values else -1, data, number(offset), number(scale))
    return '    { %s,\n      "%s" },\n' % (head, text)


with open("tests/tensor/print_golden.h", "w") as out:
    out.write("/* SPDX-License-Identifier: MIT\n *\n")
    out.write(" * print_golden.h: written by tools/golden_print.py from NumPy %s.\n */\n" % np.__version__)
    out.write("static const print_row golden[] = {\n")
    for dtype, shape, values in LISTS:
        out.write(row(dtype, np.array(values, np.float64).astype(DTYPES[dtype]).reshape(shape), values, 0, 0))
    for dtype, shape, offset, scale in RAMPS:
        a = offset + np.arange(int(np.prod(shape)), dtype=np.float64) * scale
        out.write(row(dtype, a.astype(DTYPES[dtype]).reshape(shape), None, offset, scale))
    out.write("};\n")
