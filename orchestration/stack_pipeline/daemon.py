"""Dagster's daemon, which keeps its connections to PostgreSQL (postgres_pool.py)."""

import sys

from dagster._daemon.cli import main

from stack_pipeline.postgres_pool import keep_connections

if __name__ == "__main__":
    keep_connections()
    sys.exit(main())
