"""A signal is noted and raised where the loop asks; the second one is raised at once; handlers are put back."""

import os
import signal

import pytest

from aiots.interrupt import Interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_it_is_asked_for(number: int) -> None:
    """Nothing is raised where the signal comes."""
    with Interrupt() as interrupt:
        interrupt.check()
        os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()


def test_an_impatient_second_signal_is_not_held_back() -> None:
    """Someone who presses Ctrl-C twice wants out."""
    with Interrupt():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_the_handlers_of_before_are_put_back() -> None:
    """Outside, Ctrl-C is what it was."""
    before = signal.getsignal(signal.SIGTERM)
    with Interrupt():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
