"""Prepares what natively the deployer prepares, then becomes the command that follows.

python -m stack_pipeline.in_container [--prepare] python3 -m stack_pipeline.daemon run …

--prepare: dbt's project is parsed too, which who serves the code needs, and the lake's bucket is made if nobody has.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

FOLDER = Path(__file__).resolve().parents[1]
PATIENCE_SECONDS = 60

log = logging.getLogger("in_container")


def main(arguments: list[str]) -> int:
    """1 when something can't be prepared; the reason is said by who found it. Doesn't return otherwise."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    command = [word for word in arguments if word != "--prepare"]
    home = Path(os.environ["DAGSTER_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(FOLDER / "dagster.yaml", home / "dagster.yaml")
    # else a form to sign up for news lies over the first page
    (home / ".nux").mkdir(exist_ok=True)
    (home / ".nux" / "nux.yaml").write_text("seen: 1\n")
    Path(os.environ["WAREHOUSE_PATH"]).parent.mkdir(parents=True, exist_ok=True)
    for variable in ("DAGSTER_PG_URL", "MARTS_PG_URL"):
        make_database(os.environ[variable])
    if command != arguments:
        make_bucket()
        prepared = subprocess.run([sys.executable, "-m", "stack_pipeline.transformation.prepare"])
        if prepared.returncode != 0:
            return 1
    program = sys.executable if command[0] == "python3" else command[0]
    os.execvp(program, [program, *command[1:]])


def make_bucket() -> None:
    """Makes the lake's bucket, if there is none, as infra/s3 does; waits for an object store that still starts."""
    from stack_pipeline.errors import UserError
    from stack_pipeline.resources.lake import Lake

    lake = Lake(os.environ["LAKE_S3_ENDPOINT"], os.environ["LAKE_BUCKET"])
    settings = json.loads((FOLDER.parent / "infra" / "s3" / "bucket.json").read_text())

    @retry(
        retry=retry_if_exception_type(UserError),
        stop=stop_after_delay(PATIENCE_SECONDS),
        wait=wait_fixed(1),
        before_sleep=lambda _: log.info("waiting for the object store at %s", lake.endpoint),
        reraise=True,
    )
    def make() -> bool:
        return lake.make_bucket(**settings)

    if make():
        log.info("made the bucket %s", lake.bucket)


def make_database(url: str) -> None:
    """Makes the database that the address names, if there is none; waits for a PostgreSQL that still starts."""
    import psycopg2
    from psycopg2 import sql
    from psycopg2.errors import DuplicateDatabase, UniqueViolation

    address = urlsplit(url)
    name = address.path.removeprefix("/")

    @retry(
        retry=retry_if_exception_type(psycopg2.OperationalError),
        stop=stop_after_delay(PATIENCE_SECONDS),
        wait=wait_fixed(1),
        before_sleep=lambda _: log.info("waiting for PostgreSQL at %s", address.hostname),
        reraise=True,
    )
    def connect() -> "psycopg2.extensions.connection":
        return psycopg2.connect(urlunsplit(address._replace(path="/postgres")))

    connection = connect()
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1 from pg_database where datname = %s", (name,))
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    except (DuplicateDatabase, UniqueViolation):
        # the other containers of this program make it at the same time
        pass
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
