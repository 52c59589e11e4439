"""Child processes with limits: whatever a call does, its caller gets an answer or an error in time."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.child_processes import CallFailed, ChildProcesses, Limits, NoChildFree, OverLimit
from shared.jobs import Prompt
from tests import hostile

MB = 1024 * 1024
LIMITS = Limits(cpu_s=1, memory_bytes=200 * MB, wall_s=20.0)
linux_alone = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory so")


@pytest.fixture
def children() -> Iterator[ChildProcesses]:
    pool = ChildProcesses(LIMITS, limit=1, warm=1, modules=("tests.hostile",), answers=(Prompt,))
    yield pool
    pool.close()


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def is_running(process_id: int) -> bool:
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return not stat.rpartition(")")[2].startswith(" Z")


class TestAnswers:
    @pytest.mark.parametrize("value", [None, 7, "fox", b"\0" * 3_000_000, {"a": [1.5, ("b", True)]}, Prompt("a fox")])
    def test_come_back_as_they_were(self, children: ChildProcesses, value: object):
        assert children.run(hostile.echo, value) == value

    def test_of_a_warm_child_come_from_the_same_process(self, children: ChildProcesses):
        assert children.run(hostile.process_id) == children.run(hostile.process_id) != os.getpid()

    def test_of_a_pool_that_keeps_none_come_from_a_new_one_each_time(self):
        pool = ChildProcesses(LIMITS, limit=1, warm=0, modules=("tests.hostile",))

        first, second = pool.run(hostile.process_id), pool.run(hostile.process_id)

        assert first != second
        assert not is_running(first)

    def test_are_not_mixed_with_what_a_library_prints(self, children: ChildProcesses):
        assert children.run(hostile.babble) == "answer"

    def test_hold_plain_values_and_the_listed_classes_alone(self, children: ChildProcesses):
        with pytest.raises(CallFailed):
            children.run(hostile.forge)

        assert not Path("/tmp/taken-over").exists()

    def test_that_are_far_too_large_are_not_read(self):
        pool = ChildProcesses(Limits(5, 400 * MB, 20.0), limit=1, modules=("tests.hostile",))

        with pytest.raises(OverLimit):
            pool.run(hostile.many_bytes, 65 * MB)

    def test_an_error_is_named_without_the_data(self, children: ChildProcesses):
        with pytest.raises(CallFailed, match=r"^ValueError at hostile.py:\d+$"):
            children.run(hostile.fail, "secret words")


class TestLimits:
    def test_cpu(self, children: ChildProcesses):
        with pytest.raises(OverLimit, match=str(-signal.SIGXCPU)):
            children.run(hostile.spin)

    def test_cpu_is_counted_for_each_call(self, children: ChildProcesses):
        started = children.run(hostile.process_id)
        for _ in range(3):
            children.run(hostile.sleep, 0.4)

        assert children.run(hostile.process_id) == started

    @linux_alone
    def test_memory(self, children: ChildProcesses):
        assert children.run(hostile.hog, 100) == 100 * MB
        with pytest.raises(OverLimit, match="memory"):
            children.run(hostile.hog, 300)

    def test_time(self):
        pool = ChildProcesses(Limits(10, 200 * MB, 0.5), limit=1, modules=("tests.hostile",))

        with pytest.raises(OverLimit, match=r"0\.5 s"):
            pool.run(hostile.sleep, 60.0)

    @pytest.mark.parametrize("act", [hostile.crash, hostile.leave])
    def test_a_crash_ends_the_call_alone(self, children: ChildProcesses, act: Callable[[], None]):
        with pytest.raises(OverLimit):
            children.run(act)

        assert children.run(hostile.echo, 1) == 1

    def test_a_child_that_died_meanwhile_is_replaced(self, children: ChildProcesses):
        died = children.run(hostile.process_id)
        os.kill(died, signal.SIGKILL)
        eventually(lambda: not is_running(died))

        assert children.run(hostile.process_id) != died

    def test_a_child_that_died_and_seems_to_live_is_replaced(
        self, children: ChildProcesses, monkeypatch: pytest.MonkeyPatch
    ):
        """For a moment a dead process can't be waited for yet."""
        died = children.run(hostile.process_id)
        os.kill(died, signal.SIGKILL)
        eventually(lambda: not is_running(died))
        monkeypatch.setattr("shared.child_processes._Child.is_alive", True)

        assert children.run(hostile.process_id) != died

    def test_nothing_of_the_parents_environment_is_there(
        self, children: ChildProcesses, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("HF_TOKEN", "hf_secret")

        assert set(children.run(hostile.environment)) <= {"MALLOC_ARENA_MAX", "LD_LIBRARY_PATH", "LC_CTYPE"}

    def test_no_file_is_written(self, children: ChildProcesses, tmp_path: Path):
        with pytest.raises(CallFailed, match="OSError"):
            children.run(hostile.write_into, str(tmp_path / "file"))


class TestWaiting:
    def test_ends_where_no_child_gets_free(self, children: ChildProcesses):
        holder = threading.Thread(target=children.run, args=(hostile.sleep, 2.0))
        holder.start()
        eventually(lambda: bool(children._busy))

        with pytest.raises(NoChildFree):
            children.run_within(0.1, hostile.echo, 1)

        holder.join()

    def test_calls_at_a_time_are_as_many_as_were_said(self):
        pool = ChildProcesses(LIMITS, limit=2, warm=2, modules=("tests.hostile",))
        seen: set[int] = set()
        threads = [threading.Thread(target=lambda: seen.add(pool.run(hostile.process_id))) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert 1 <= len(seen) <= 2
        pool.close()


class TestTheEnd:
    def test_closing_ends_calls_under_way(self, children: ChildProcesses):
        caught: list[BaseException] = []

        def call() -> None:
            try:
                children.run(hostile.sleep, 60.0)
            except OverLimit as error:
                caught.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        eventually(lambda: bool(children._busy))
        children.close()
        thread.join(10)

        assert len(caught) == 1
        with pytest.raises(OverLimit):
            children.run(hostile.echo, 1)

    def test_is_not_that_of_a_terminals_interrupt(self, children: ChildProcesses):
        """Ctrl-C goes to the terminal's whole process group."""
        assert os.getpgid(children.run(hostile.process_id)) != os.getpgid(0)

    @pytest.mark.parametrize("work", ["echo, 1", "sleep, 600.0", "spin"])
    def test_of_a_killed_parent_is_that_of_its_children(self, work: str):
        script = (
            "import threading\n"
            "from tests import hostile\n"
            "from shared.child_processes import ChildProcesses, Limits\n"
            "pool = ChildProcesses(Limits(600, 2**30, 600.0), limit=1, warm=1, modules=('tests.hostile',))\n"
            "print(pool.run(hostile.process_id), flush=True)\n"
            f"pool.run(hostile.{work})\n"
            "threading.Event().wait()\n"
        )
        path = os.pathsep.join(one for one in sys.path if one)
        environment = {"PYTHONPATH": path}
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as parent:
            assert parent.stdout is not None
            child = int(parent.stdout.readline())
            assert is_running(child)
            parent.kill()

        assert eventually(lambda: not is_running(child))
