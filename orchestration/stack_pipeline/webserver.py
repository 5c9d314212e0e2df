"""Dagster's webserver, which tries a pooled connection to PostgreSQL before it uses it.

Dagster keeps one open for its pages. When PostgreSQL was restarted, the next request would fail with
"server closed the connection unexpectedly".
"""

import functools
import sys

from dagster_postgres import utils
from dagster_webserver.cli import main

if __name__ == "__main__":
    utils.create_engine = functools.partial(utils.create_engine, pool_pre_ping=True)
    sys.exit(main())
