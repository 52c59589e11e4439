"""On which cores a process runs."""

import os
import sys
import threading
from contextlib import closing
from unittest import mock

import pytest

from shared.child_processes import ChildProcesses, Limits
from shared.cores import all_cores, one_core

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process choose")


def own_cores() -> set[int]:
    return os.sched_getaffinity(0)


def cores_of_a_thread() -> set[int]:
    found = []
    thread = threading.Thread(target=lambda: found.append(own_cores()))
    thread.start()
    thread.join()
    return found[0]


def cores_of_a_child() -> set[int]:
    with closing(ChildProcesses(Limits(cpu_s=5, memory_bytes=2**28, wall_s=30.0), limit=1)) as children:
        return set(children.run(own_cores))


def test_all_threads_keep_to_one_and_children_to_none():
    before = own_cores()

    with one_core():
        kept = own_cores()

        assert len(kept) == 1
        assert kept <= before
        assert cores_of_a_thread() == kept
        assert cores_of_a_child() == before
        assert own_cores() == kept


def test_afterwards_all_is_as_before():
    before = own_cores()

    with one_core():
        pass

    assert own_cores() == cores_of_a_thread() == before
    with all_cores():
        assert own_cores() == before


def test_a_process_that_fails_has_all_cores_back():
    before = own_cores()

    with pytest.raises(RuntimeError), one_core():
        raise RuntimeError

    assert own_cores() == before


def test_a_system_that_lets_nobody_choose_keeps_nobody_from_starting():
    before = own_cores()

    with mock.patch.object(os, "sched_setaffinity", side_effect=PermissionError), one_core():
        assert own_cores() == before
        with all_cores():
            assert own_cores() == before


def test_who_keeps_to_none_has_all_as_before():
    before = own_cores()

    with all_cores():
        assert own_cores() == before
