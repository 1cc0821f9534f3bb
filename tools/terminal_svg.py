#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws what a terminal showed as SVG: text with colours (SGR codes) on stdin, SVG on stdout.

    tmux new-session -d -s demo -x 80 -y 60 'make demo; sleep 9' ...
    tmux capture-pane -t demo -e -p | tools/terminal_svg.py > docs/demo.svg

Half blocks become rectangles, so that pictures have no seams whatever the font.
"""
import html
import re
import sys

WIDTH, HEIGHT, FONT, MARGIN = 8.4, 17, 14, 16  # of a cell, of the letters, around
BASE = ["#3b4252", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d8dee9"]
PLAIN, BACK, DIM = "#d8dee9", "#1e222a", "#7a8294"


def colour(n):
    """One of the 256 colours; only the first 16 and the greys are ever used."""
    if n < 16:
        return BASE[n % 8]
    if n >= 232:
        return "#" + f"{8 + 10 * (n - 232):02x}" * 3
    n -= 16
    return "#" + "".join(f"{[0, 95, 135, 175, 215, 255][n // k % 6]:02x}" for k in (36, 6, 1))


def apply(codes, style):
    codes = [int(c) if c else 0 for c in codes.split(";")]
    while codes:
        code = codes.pop(0)
        if code == 0:
            style = {}
        elif code in (1, 2):
            style = {**style, "bold" if code == 1 else "dim": True}
        elif code in (22,):
            style = {k: v for k, v in style.items() if k not in ("bold", "dim")}
        elif code in (38, 48) and codes[:1] == [5]:
            style = {**style, "fg" if code == 38 else "bg": colour(codes[1])}
            codes = codes[2:]
        elif 30 <= code <= 37:
            style = {**style, "fg": BASE[code - 30]}
        elif code in (39, 49):
            style = {k: v for k, v in style.items() if k != ("fg" if code == 39 else "bg")}
    return style


def cells(line, style):
    """[(character, style)] of a line, and the style after it."""
    row = []
    for part in re.split(r"(\033\[[0-9;]*m)", line):
        if part.startswith("\033["):
            style = apply(part[2:-1], style)
        else:
            row += [(c, style) for c in part]
    return row, style


def rectangle(x, y, width, height, fill):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'


def runs(row):
    """[(first column, cells)]: neighbours of the same style that are all blocks of one kind, or all text."""
    kind = lambda cell: (cell[0] if cell[0] in "▀▄█" else "", cell[1])
    start = 0
    for end in range(1, len(row) + 1):
        if end == len(row) or kind(row[end]) != kind(row[start]):
            yield start, row[start:end]
            start = end


def draw_blocks(x, y, run):
    (c, style), length = run[0], len(run) * WIDTH + .3  # a little over, so that no line shows between two
    fg, half = style.get("fg", DIM if style.get("dim") else PLAIN), HEIGHT / 2
    if "bg" in style:
        yield rectangle(x, y, length, HEIGHT + .3, style["bg"])
    if c in "▀█" and style.get("bg") != fg:
        yield rectangle(x, y, length, half + .3, fg)
    if c in "▄█":
        yield rectangle(x, y + half, length, half + .3, fg)


def draw_text(x, y, run):
    text, style = "".join(c for c, _ in run), run[0][1]
    if text.strip() and run[0][0] not in "▀▄█":
        fg = style.get("fg", DIM if style.get("dim") else PLAIN)
        weight = ' font-weight="bold"' if style.get("bold") else ""
        yield (f'<text x="{x:.1f}" y="{y + HEIGHT - 4.5:.1f}" textLength="{len(text) * WIDTH:.1f}" '
               f'fill="{fg}"{weight}>{html.escape(text)}</text>')


lines, style = [], {}
for line in sys.stdin.read().rstrip().split("\n"):
    row, style = cells(line, style)
    lines.append(row)
columns = max(len(row) for row in lines)
width, height = columns * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
      f'font-family="ui-monospace,Menlo,Consolas,DejaVu Sans Mono,monospace" font-size="{FONT}" xml:space="preserve">')
print(f'<rect width="100%" height="100%" rx="8" fill="{BACK}"/>')
for number, row in enumerate(lines):
    y = MARGIN + number * HEIGHT
    for column, run in runs(row):
        x = MARGIN + column * WIDTH
        for shape in [*draw_blocks(x, y, run), *draw_text(x, y, run)]:
            print(shape)
print("</svg>")
