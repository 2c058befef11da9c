"""Tasks that start together checkpoint one after the other."""

from itertools import pairwise

import pytest

from streams.runtime.options import first_checkpoint
from streams.runtime.task import TaskKey
from streams.topology import STAGES


@pytest.mark.parametrize("partitions", [1, 3])
def test_no_two_tasks_checkpoint_at_once(partitions: int) -> None:
    """First checkpoints of all stages' tasks lie apart within one interval, the first of them not at the very start."""
    keys = [TaskKey(stage.name, topic, n) for stage in STAGES for topic in stage.reads for n in range(partitions)]
    due = sorted(first_checkpoint(key, partitions) for key in keys)
    widest = max(len(stage.reads) for stage in STAGES) * partitions
    assert due[0] >= 1 / len(STAGES)
    assert due[-1] - due[0] < 1
    assert min(later - sooner for sooner, later in pairwise(due)) >= 0.999 / (len(STAGES) * widest)
