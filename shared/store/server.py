"""What kind of server a database is reached at."""

from sqlalchemy import Connection, func, select

from shared.store.database import Database


def shares_connections(database: Database) -> bool:
    """Whether a pooler stands before Postgres that gives a connection to others between two transactions.

    Nothing that lasts longer than a transaction holds then: no settings, no LISTEN, no prepared statements.

    Raises:
        StoreAway: The database does not answer.
    """
    with database.reading() as first:
        first.execution_options(isolation_level="AUTOCOMMIT")
        before = _server_process(first)
        # While this transaction holds a connection of the server, a pooler has to give the first one another.
        with database.writing() as second:
            meanwhile = _server_process(second)
            after = _server_process(first)
    return meanwhile in {before, after} or before != after


def _server_process(connection: Connection) -> int:
    return int(connection.scalar(select(func.pg_backend_pid())) or 0)
