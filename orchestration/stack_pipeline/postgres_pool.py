"""Lets Dagster's processes keep their connections to PostgreSQL.

Its storage opens one for each statement (NullPool): 40 ms for each of a run's hundreds of events. A kept one is tried before it is
used, since PostgreSQL may have been restarted meanwhile; else the next statement would fail with "server closed the connection
unexpectedly".
"""

import functools
from typing import Any

from sqlalchemy import Engine, pool


def keep_connections() -> None:
    """For the process that calls it, before it opens its instance. Leans on where dagster-postgres makes its engines."""
    from dagster_postgres import utils

    if not isinstance(utils.create_engine, functools.partial):
        utils.create_engine = functools.partial(_create, utils.create_engine)  # type: ignore[assignment]


def _create(create_engine: Any, *args: Any, **options: Any) -> Engine:
    if options.get("poolclass") is pool.NullPool:
        options |= {"poolclass": pool.QueuePool, "pool_size": 1, "max_overflow": 20}
    return create_engine(*args, **options, pool_pre_ping=True)
