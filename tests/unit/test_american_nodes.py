"""The literals of streams/options/american/nodes.py, made again with 40 digits: each is the nearest double."""

import mpmath as mp
import pytest

from streams.options.american import nodes

DIGITS = 40


def gauss_legendre(count: int) -> list[tuple[mp.mpf, mp.mpf]]:
    """Return nodes in (0, 1), rising, and their weights."""
    found = []
    for k in range(count, 0, -1):
        x = mp.cos(mp.pi * (k - mp.mpf(1) / 4) / (count + mp.mpf(1) / 2))
        for _ in range(5):
            value = mp.legendre(count, x)
            slope = count * (x * value - mp.legendre(count - 1, x)) / (x * x - 1)
            x -= value / slope
        found.append(((1 + x) / 2, 1 / ((1 - x * x) * slope**2)))
    return found


def same(literals: tuple[float, ...], exact: list[mp.mpf]) -> None:
    assert list(literals) == [float(mp.chop(one, mp.mpf(10) ** -30)) for one in exact]


@pytest.mark.parametrize("power", [1, 2])
def test_quadrature_nodes_in_the_angle(power: int) -> None:
    """Sine and cosine of a = (pi / 2) b^power at Gauss-Legendre nodes b, and the weights of v / t = sin^2 a."""
    literals: tuple[tuple[float, ...], ...] = (nodes._SINES, nodes._COSINES, nodes._WEIGHTS)
    if power == 2:
        literals = (nodes._PREMIUM_SINES, nodes._PREMIUM_COSINES, nodes._PREMIUM_WEIGHTS)
    with mp.workdps(DIGITS):
        rule = gauss_legendre(len(literals[0]))
        angles = [mp.pi / 2 * b**power for b, _ in rule]
        same(literals[0], [mp.sin(a) for a in angles])
        same(literals[1], [mp.cos(a) for a in angles])
        slopes = [mp.pi / 2 * power * b ** (power - 1) for b, _ in rule]
        weights = [mp.sin(2 * a) * slope * w for a, slope, (_, w) in zip(angles, slopes, rule, strict=True)]
        same(literals[2], weights)


def test_chebyshev_nodes_and_coefficients() -> None:
    """Extremes of Chebyshev polynomials in sqrt(time) and ln vol, and the matrix from values there to coefficients."""
    last, top = len(nodes._TIMES) - 1, len(nodes._VOLS) - 1
    with mp.workdps(DIGITS):
        same(nodes._TIMES, [(1 + mp.cos(mp.pi * i / last)) / 2 for i in range(last + 1)])
        same(nodes._VOLS, [-mp.cos(mp.pi * i / top) for i in range(top + 1)])
        matrix = []
        for k in range(top + 1):
            for i in range(top + 1):
                halves = (i in (0, top)) + (k in (0, top))
                matrix.append(mp.mpf(2) / top * mp.cos(k * mp.pi * (top - i) / top) / 2**halves)
        same(nodes._TO_CHEBYSHEV, matrix)
