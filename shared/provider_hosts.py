"""Where providers keep the pictures that they paint: hosts, as data with a date and a source."""

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProviderHosts:
    """The file hosts of one provider.

    Attributes:
        hosts: Host names, and ``.suffix`` for all below it.
        usual: The host of most of its pictures; None where they come inside the answer.
        seen: When that was found to be so.
        source: Where it stands.
    """

    provider: str
    hosts: tuple[str, ...]
    usual: str | None
    seen: date
    source: str


@cache
def provider_hosts() -> tuple[ProviderHosts, ...]:
    """The shipped list."""
    content = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return tuple(
        ProviderHosts(
            row["provider"], tuple(row["hosts"]), row["usual"], date.fromisoformat(row["date"]), row["source"]
        )
        for row in content["providers"]
    )


def usual_host(provider: str) -> str | None:
    """The host of most of a provider's pictures; None where nobody knows, or where it needs none."""
    return next((one.usual for one in provider_hosts() if one.provider == provider), None)
