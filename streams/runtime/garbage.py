"""The garbage collector of a process that folds: records make no cycles, and looking for some costs a tenth."""

import gc

GARBAGE_OBJECTS = 50_000


def settle() -> None:
    """Keep what is loaded now for good, and look for cycles seldom: what a batch makes is freed by its counts."""
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, 20, 100)
