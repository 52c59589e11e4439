"""The rows of the circuit breaker, shared by all workers."""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, update

from shared.store import tables
from shared.store.database import Database, insert_new


@dataclass(frozen=True, slots=True)
class Circuit:
    """How a provider has been doing with a model; a fresh one is closed.

    Attributes:
        failures: In a row, while closed.
        openings: How often it opened since it last worked.
        open_until: Nobody calls before; afterwards one job tries. None while closed.
        on_trial: One job is trying; ``open_until`` is when another one may.
    """

    failures: int = 0
    openings: int = 0
    open_until: datetime | None = None
    on_trial: bool = False


_circuits = tables.circuits.c
_READ = select(_circuits.failures, _circuits.openings, _circuits.open_until, _circuits.on_trial).where(
    _circuits.provider == bindparam("its_provider"), _circuits.model == bindparam("its_model")
)


class Circuits:
    """The rows of circuits, one transaction a method."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, provider: str, model: str) -> Circuit:
        """The circuit; a fresh one where nothing is known."""
        with self._database.reading() as connection:
            row = connection.execute(_READ, {"its_provider": provider, "its_model": model}).first()
            return Circuit(*row) if row else Circuit()

    def swap(self, provider: str, model: str, *, old: Circuit, new: Circuit) -> bool:
        """Write ``new`` in one step if the circuit still is ``old`` (a fresh one equals none).

        Returns:
            Whether it was; False says that another worker was faster.
        """
        circuits = tables.circuits.c
        with self._database.writing() as connection:
            changed = connection.execute(
                update(tables.circuits)
                .where(
                    circuits.provider == provider,
                    circuits.model == model,
                    circuits.failures == old.failures,
                    circuits.openings == old.openings,
                    circuits.open_until.is_not_distinct_from(old.open_until),
                    circuits.on_trial == old.on_trial,
                )
                .values(**asdict(new))
            ).rowcount
            if changed or old != Circuit():
                return changed == 1
            added = connection.execute(
                insert_new(self._database, tables.circuits)
                .values(provider=provider, model=model, **asdict(new))
                .on_conflict_do_nothing()
                .returning(circuits.provider)  # On Postgres an INSERT has no rowcount that could be trusted.
            )
            return added.first() is not None
