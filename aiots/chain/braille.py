"""A plot in characters: every character is a field of 2 x 4 dots (Unicode's braille patterns)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

F64 = NDArray[np.float64]

BLANK = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a field's dots by row and column."""


class Canvas:
    """width, height: characters. Of two colours in one field the later one holds."""

    def __init__(self, width: int, height: int, x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
        self._bits = np.zeros((height, width), np.int64)
        self._style = [[""] * width for _ in range(height)]
        self._x, self._y = x_range, y_range

    def points(self, x: F64, y: F64, style: str) -> None:
        """Set the dots of points, (n,) each; what lies outside or is NaN is left out."""
        rows, columns = self._bits.shape
        across = (x - self._x[0]) / (self._x[1] - self._x[0]) * (2 * columns - 1)
        down = (self._y[1] - y) / (self._y[1] - self._y[0]) * (4 * rows - 1)
        sound = np.isfinite(across) & np.isfinite(down)
        for column, row in zip(np.rint(across[sound]).astype(int), np.rint(down[sound]).astype(int), strict=True):
            if 0 <= column < 2 * columns and 0 <= row < 4 * rows:
                self._bits[row // 4, column // 2] |= DOTS[row % 4][column % 2]
                self._style[row // 4][column // 2] = style

    def text(self, y_format: str, x_labels: Sequence[str]) -> Text:
        """Return the plot with its highest and lowest y at the left, and labels spread below."""
        rows, columns = self._bits.shape
        ends = {0: format(self._y[1], y_format), rows - 1: format(self._y[0], y_format)}
        margin = max(map(len, ends.values()))
        out = Text(no_wrap=True)
        for row in range(rows):
            out.append(f"{ends.get(row, ''):>{margin}} ┤", "dim")
            for column in range(columns):
                out.append(chr(BLANK + int(self._bits[row, column])), self._style[row][column])
            out.append("\n")
        room = max(columns - sum(map(len, x_labels)), 0)
        gaps = max(len(x_labels) - 1, 1)
        out.append(" " * (margin + 2) + (" " * (room // gaps)).join(x_labels), "dim")
        return out
