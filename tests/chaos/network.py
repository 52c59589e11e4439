"""A network of its own for each process of ours: the way between one of them and one server can be cut.

Packets then vanish in both directions: nobody is told, open connections hang, and new ones get no answer.
"""

import ctypes
import os
import shutil
import subprocess
import sys

CLONE_NEWNET = 0x40000000  # linux/sched.h
SERVERS = {
    name: f"10.77.0.{number}"
    for number, name in enumerate(("Telegram", "Gemini", "HuggingFace", "Postgres", "Redis"), start=1)
}
TOOLS = {"ip": "iproute2", "nft": "nftables", "nsenter": "util-linux"}
DROPS = """
table inet cuts {
    set pairs { type ipv4_addr . ipv4_addr; }
    chain input { type filter hook input priority 0; ip saddr . ip daddr @pairs drop; }
}
"""


def missing_for_cuts() -> str | None:
    """What this machine lacks for cuts, and how it is installed; None where nothing is missing."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "networks are cut on Linux and by root alone"
    if lacking := [package for tool, package in TOOLS.items() if shutil.which(tool) is None]:
        return f"networks are cut by programs that are not installed: apt-get install {' '.join(lacking)}"
    probe = subprocess.run(
        ["unshare", "--net", "nft", "--file", "-"], input=DROPS, text=True, capture_output=True, check=False
    )
    return f"this machine allows no networks of their own: {probe.stderr.strip()}" if probe.returncode else None


class Network:
    """The servers' network, which this process enters, and one beside it for each process of ours.

    All are gone when the processes have ended. To be made before the first thread: each thread has its own network.
    """

    def __init__(self) -> None:
        _enter_new()
        self._servers = _opened()
        self._ours: dict[str, int] = {}
        _run("ip", "link", "set", "lo", "up")
        for address in SERVERS.values():
            _run("ip", "address", "add", f"{address}/32", "dev", "lo")
        _run("nft", "--file", "-", given=DROPS)

    def add(self, name: str) -> None:
        """Make the network of one process, from which all servers are reached."""
        number = len(self._ours) + 1
        _enter_new()
        self._ours[name] = _opened()
        _enter(self._servers)
        here, there = f"10.77.{number}.1", f"10.77.{number}.2"
        inside, peer = f"/proc/{os.getpid()}/fd/{self._ours[name]}", f"ours{number}"
        _run("ip", "link", "add", peer, "type", "veth", "peer", "name", "eth0", "netns", inside)
        _run("ip", "address", "add", f"{here}/24", "dev", peer)
        _run("ip", "link", "set", peer, "up")
        for command in (
            "ip link set lo up",
            f"ip address add {there}/24 dev eth0",
            "ip link set eth0 up",
            f"ip route add default via {here}",
        ):
            _run(*self.entering(name), *command.split())
        _run(*self.entering(name), "nft", "--file", "-", given=DROPS)

    def entering(self, name: str) -> list[str]:
        """What precedes a command that is to run in the network of one process."""
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self._ours[name]}"]

    def cut(self, name: str, server: str) -> None:
        """Let vanish what one process and one server send to each other."""
        self._change("add", name, server)

    def mend(self, name: str, server: str) -> None:
        """Let it arrive again."""
        self._change("delete", name, server)

    def _change(self, verb: str, name: str, server: str) -> None:
        ours, theirs = f"10.77.{list(self._ours).index(name) + 1}.2", SERVERS[server]
        _run("nft", verb, "element", "inet", "cuts", "pairs", f"{{ {ours} . {theirs} }}")
        _run(*self.entering(name), "nft", verb, "element", "inet", "cuts", "pairs", f"{{ {theirs} . {ours} }}")


def _run(*command: str, given: str | None = None) -> None:
    subprocess.run(command, input=given, text=True, check=True)


def _opened() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


# ``os.unshare`` and ``os.setns`` came with Python 3.12.
_libc = ctypes.CDLL(None, use_errno=True)


def _enter_new() -> None:
    _checked(_libc.unshare(CLONE_NEWNET))


def _enter(network: int) -> None:
    _checked(_libc.setns(network, CLONE_NEWNET))


def _checked(status: int) -> None:
    if status:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
