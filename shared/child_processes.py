"""Runs functions on data that strangers sent, in child processes with limits on CPU, memory and time.

A child is a fresh interpreter, not a fork: it holds nothing of the parent's memory, gets none of its settings and
keys, and ends when the parent ends. One that goes over a limit, crashes or raises is killed and replaced. On Windows,
which has no resource limits for a process, the wall-clock limit alone holds; macOS ignores the one on memory.
"""

import contextlib
import importlib
import io
import json
import math
import os
import pickle
import queue
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, ParamSpec, TypeVar, cast

from shared.cores import all_cores

if sys.platform != "win32":
    import resource

P = ParamSpec("P")
T = TypeVar("T")

MAX_ANSWER_BYTES = 64 * 1024 * 1024
KEPT_RSS_BYTES = 192 * 1024 * 1024  # a child that holds more after a call is replaced rather than kept warm
_LENGTH = struct.Struct(">Q")
_START = """
import json, sys
start = json.loads(sys.argv[1])
sys.path[:] = start.pop("path")
from shared.child_processes import serve
serve(**start)
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may take.

    Attributes:
        cpu_s: Whole seconds of CPU.
        memory_bytes: Address space beyond what the child has before the call.
        wall_s: Seconds from handing over to the answer.
    """

    cpu_s: int
    memory_bytes: int
    wall_s: float


class OverLimit(Exception):
    """A call needed more than its limits, or its child crashed; the message tells which, for the log."""


class _DiedIdle(OverLimit):
    """A child that was kept had died before it could read the call."""


class NoChildFree(Exception):
    """All children were busy for as long as the caller could wait."""


class CallFailed(Exception):
    """The function raised, or answered what may not be taken; the message quotes nothing of the data."""


class ChildProcesses:
    """A few child processes, started when they are needed. Thread-safe."""

    def __init__(
        self,
        limits: Limits,
        *,
        limit: int,
        warm: int = 0,
        modules: tuple[str, ...] = (),
        answers: tuple[type, ...] = (),
    ) -> None:
        """Start nothing yet.

        Args:
            limit: Calls at a time.
            warm: Children that are kept between calls.
            modules: What a child imports before its first call; their memory is not counted to a call's.
            answers: The classes, beside Python's plain values, of which answers may consist. Nothing else is taken
                from a child: what it read could have taken it over.
        """
        self._limits = limits
        self._warm = warm
        self._modules = modules
        self._answers = frozenset((kind.__module__, kind.__qualname__) for kind in answers)
        self._free = threading.Semaphore(limit)
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._closed = False

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a module's function in a child; waits for one as long as a call may take.

        Raises:
            NoChildFree: All are busy.
            OverLimit: It took more than it may, or crashed.
            CallFailed: It raised.
        """
        return self.run_within(self._limits.wall_s, function, *args, **kwargs)

    def run_within(self, wait_s: float, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same; waits so many seconds for a child."""
        if not self._free.acquire(timeout=max(wait_s, 0.0)):
            raise NoChildFree(f"no child process within {wait_s:.1f} s")
        try:
            return self._call(pickle.dumps((function, args, kwargs)))  # type: ignore[no-any-return]
        finally:
            self._free.release()

    def close(self) -> None:
        """Kill all children, also those at work: their calls end with ``OverLimit``."""
        with self._lock:
            self._closed = True
            children = [*self._idle, *self._busy]
            self._idle.clear()
        for child in children:
            child.kill()

    def _call(self, request: bytes) -> Any:
        while True:
            try:
                return self._call_once(request)
            except _DiedIdle:
                continue  # It is kept no longer; one that is started for this call ends the loop.

    def _call_once(self, request: bytes) -> Any:
        child = self._take()
        is_sound = False
        try:
            value, rss = child.call(request)
            is_sound = rss <= KEPT_RSS_BYTES
            return value
        finally:
            self._put_back(child, is_sound=is_sound)

    def _take(self) -> "_Child":
        with self._lock:
            if self._closed:
                raise OverLimit("the child processes are closed")
            while self._idle:
                child = self._idle.pop()
                if child.is_alive:
                    break
                child.kill()
            else:
                child = _Child(self._limits, self._modules, self._answers)
            self._busy.add(child)
            return child

    def _put_back(self, child: "_Child", *, is_sound: bool) -> None:
        with self._lock:
            self._busy.discard(child)
            is_kept = is_sound and not self._closed and len(self._idle) < self._warm
            if is_kept:
                self._idle.append(child)
        if not is_kept:
            child.kill()


class _Child:
    """The parent's end of one child process."""

    def __init__(self, limits: Limits, modules: tuple[str, ...], answers: frozenset[tuple[str, str]]) -> None:
        self._limits = limits
        self._answers = answers
        self._has_answered = False
        self._process = _start(limits, modules)
        self._kill = weakref.finalize(self, _end, self._process)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def call(self, request: bytes) -> tuple[Any, int]:
        """The answer, and the bytes of memory that the child holds after it."""
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            self._process.kill()

        alarm = threading.Timer(self._limits.wall_s, end)
        alarm.daemon = True
        alarm.start()
        try:
            kind, value, rss = self._exchange(request)
        # A ValueError: another thread has closed the pipe, with all children.
        except (OSError, EOFError, ValueError) as error:
            was_dead = self._has_answered and isinstance(error, BrokenPipeError) and not is_late.is_set()
            raise (_DiedIdle if was_dead else OverLimit)(self._fate(is_late=is_late.is_set())) from error
        finally:
            alarm.cancel()
        self._has_answered = True
        match kind:
            case "value":
                return value, rss
            case "memory":
                raise OverLimit("memory")
        raise CallFailed(str(value))

    def kill(self) -> None:
        """End the process, if it has not ended."""
        self._kill()

    def _exchange(self, request: bytes) -> tuple[str, Any, int]:
        stdin, stdout = cast("BinaryIO", self._process.stdin), cast("BinaryIO", self._process.stdout)
        _write_frame(stdin, request)
        answer = _read_frame(stdout, limit=MAX_ANSWER_BYTES)
        try:
            kind, value, rss = _Reader(answer, self._answers).load()
            return str(kind), value, int(rss)
        except Exception as error:
            # It may come from a child that was taken over by what it read.
            raise CallFailed("the answer is none that may be taken") from error

    def _fate(self, *, is_late: bool) -> str:
        if is_late:
            return f"{self._limits.wall_s:g} s"
        self._process.kill()
        return f"ended with {self._process.wait()}"


class _Reader(pickle.Unpickler):
    """Reads plain values and the listed classes, and nothing else: a pickle could name any function otherwise."""

    def __init__(self, data: bytes, allowed: frozenset[tuple[str, str]]) -> None:
        super().__init__(io.BytesIO(data))
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._allowed:
            raise pickle.UnpicklingError(f"{module}.{name} is no answer")
        return super().find_class(module, name)


def _start(limits: Limits, modules: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    # Not at the top: children import this module as well, and would read the settings' libraries for nothing.
    from shared.settings import environment_of_a_child

    start = {"path": sys.path, "modules": modules, "limits": asdict(limits)}
    with all_cores():
        return subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
            [sys.executable, "-I", "-c", _START, json.dumps(start)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C on a terminal is for the parent, whose end is the end of its children.
            # More arenas than one would take address space for threads that a child does not have.
            env={**environment_of_a_child(), "MALLOC_ARENA_MAX": "1"},
        )


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()
    process.wait()


def _write_frame(pipe: BinaryIO, data: bytes) -> None:
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _read_frame(pipe: BinaryIO, *, limit: int) -> bytes:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    if length > limit:
        raise EOFError
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return data


# In the child


def serve(modules: list[str], limits: dict[str, Any]) -> None:
    """Answer calls until the parent is gone."""
    # What libraries print must not get between the answers.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    for module in modules:
        importlib.import_module(module)
    # The first that is made costs less than what a call may create once limits are set.
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(requests, waiting), daemon=True).start()
    terms = Limits(**limits)
    _confine()
    while True:
        _write_frame(answers, _answer(waiting.get(), terms))


def _receive(requests: BinaryIO, waiting: "queue.SimpleQueue[bytes]") -> None:
    """Read requests; the end of the pipe is the end of the parent, and of whatever is being done for it."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            waiting.put(_read_frame(requests, limit=sys.maxsize))
    os._exit(0)


def _answer(request: bytes, limits: Limits) -> bytes:
    function, args, kwargs = pickle.loads(request)  # noqa: S301 - from the parent
    _limit(limits)
    try:
        outcome = ("value", function(*args, **kwargs))
        return pickle.dumps((*outcome, _rss()))
    except MemoryError:
        return pickle.dumps(("memory", None, 0))
    except Exception as error:  # noqa: BLE001 - an outer door: what a stranger's data does to a parser is not known
        return pickle.dumps(("failed", _described(error), 0))


def _described(error: Exception) -> str:
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" at {Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place is not None else ""
    return f"{type(error).__name__}{where}"


def _confine() -> None:
    """Take from the process what no call needs: writing files, starting programs, leaving a core file."""
    sys.dont_write_bytecode = True
    if sys.platform == "win32":
        return
    for name in ("RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NPROC"):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            resource.setrlimit(getattr(resource, name), (0, 0))


def _limit(limits: Limits) -> None:
    """Allow so much beyond what the process has used and holds by now."""
    if sys.platform == "win32":
        return
    used = math.ceil(time.process_time())
    _, hardest = resource.getrlimit(resource.RLIMIT_CPU)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (used + limits.cpu_s, hardest))
    held = _statm(0)
    if held:
        _, hardest = resource.getrlimit(resource.RLIMIT_AS)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (held + limits.memory_bytes, hardest))


def _rss() -> int:
    return _statm(1)


def _statm(column: int) -> int:
    """Bytes of address space (0) or in memory (1) of this process; 0 where the system doesn't tell."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[column]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
