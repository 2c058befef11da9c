"""Payloads in one array: they read as a list of bytes does, and kernels take them as they were compiled."""

import numpy as np
import pytest

from streams.bars.analytics import Analytics, Params
from streams.bars.kernel import run
from streams.joined import Joined
from streams.numerics.jit import DISABLED
from streams.numerics.memory import PADDING


def joined(payloads: list[bytes]) -> Joined:
    data = np.frombuffer(b"".join(payloads) + bytes(PADDING), np.uint8).copy()
    return Joined(data, np.cumsum([0, *map(len, payloads)]))


def test_it_reads_as_a_list_of_bytes() -> None:
    """By index, from the end, by slice and in turn; empty payloads too."""
    payloads = [b"abc", b"", b"d"]
    one = joined(payloads)
    assert len(one) == 3
    assert list(one) == payloads
    assert [one[0], one[-1]] == [b"abc", b"d"]
    assert one[1:] == [b"", b"d"]
    with pytest.raises(IndexError):
        one[3]


@pytest.mark.skipif(DISABLED, reason="nothing is compiled")
def test_the_kernel_is_compiled_once_for_both_ways() -> None:
    """Else a stage would compile in the midst of its first records, for longer than a restart may take."""
    fold = Analytics(Params())
    fold.apply([])
    before = len(run.signatures)  # type: ignore[attr-defined]
    assert len(fold.apply(joined([b"rubbish"]))) == 1
    assert len(run.signatures) == before  # type: ignore[attr-defined]
