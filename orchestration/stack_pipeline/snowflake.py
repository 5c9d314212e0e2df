"""Connecting to Snowflake with what the environment says; the same variables as in the dbt profile's target snowflake_prod."""

import atexit
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stack_pipeline.errors import UserError

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

_REQUIRED = ("SNOWFLAKE_ACCOUNT", "SNOWFLAKE_USER")
_CREDENTIALS = ("SNOWFLAKE_PASSWORD", "SNOWFLAKE_PRIVATE_KEY_PATH")
_REMEDY = (
    "Look at SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER, SNOWFLAKE_ROLE, and at the credentials: SNOWFLAKE_PRIVATE_KEY_PATH, or a password"
    " in the file .stack/<stack>/secrets/transformation/snowflake_password (SNOWFLAKE_PASSWORD_FILE), since a stack takes none from"
    " the environment; transformation/README.md lists them all. If it isn't reached at all: SNOWFLAKE_HOST, proxy, network."
)


@contextmanager
def connect() -> Iterator["SnowflakeConnection"]:
    """A session that is closed at the end. Raises UserError when the account can't be reached or refuses."""
    prepare_credentials()
    _check_variables()
    import snowflake.connector
    from snowflake.connector.errors import Error

    parameters = {"QUERY_TAG": "stack", "TIMEZONE": "UTC"}
    timeout = int(os.environ.get("SNOWFLAKE_CONNECT_TIMEOUT") or 15)
    try:
        connection = snowflake.connector.connect(**_options(), login_timeout=timeout, session_parameters=parameters)
    except (Error, OSError, ValueError) as error:
        account = os.environ["SNOWFLAKE_ACCOUNT"]
        said = " ".join(str(getattr(error, "msg", None) or error).split())
        raise UserError(f"Snowflake's account {account} can't be opened: {said}", _REMEDY) from error
    try:
        yield connection
    finally:
        connection.close()


def prepare_credentials() -> None:
    """Puts credentials where dbt's profile reads them: a password from SNOWFLAKE_PASSWORD_FILE, a key from SNOWFLAKE_PRIVATE_KEY.

    The latter is the PEM itself, as a container gets it from a secret store; it goes to a file that only we can read. What is set
    already stays.
    """
    key = os.environ.get("SNOWFLAKE_PRIVATE_KEY")
    if key and not os.environ.get("SNOWFLAKE_PRIVATE_KEY_PATH"):
        handle, path = tempfile.mkstemp(prefix="snowflake-", suffix=".p8")
        with os.fdopen(handle, "w") as content:
            content.write(key)
        atexit.register(Path(path).unlink, missing_ok=True)
        os.environ["SNOWFLAKE_PRIVATE_KEY_PATH"] = path
    file = os.environ.get("SNOWFLAKE_PASSWORD_FILE")
    if file and not os.environ.get("SNOWFLAKE_PASSWORD") and Path(file).exists():
        os.environ["SNOWFLAKE_PASSWORD"] = Path(file).read_text().strip()


def _check_variables() -> None:
    missing = [name for name in _REQUIRED if not os.environ.get(name)]
    if not any(os.environ.get(name) for name in _CREDENTIALS):
        missing.append(" or ".join(_CREDENTIALS))
    if missing:
        raise UserError(f"The target snowflake_prod needs {', '.join(missing)}, which isn't set.", _REMEDY)


def _options() -> dict[str, Any]:
    environment = os.environ.get
    options = {
        "account": environment("SNOWFLAKE_ACCOUNT"),
        "user": environment("SNOWFLAKE_USER"),
        "password": environment("SNOWFLAKE_PASSWORD"),
        "private_key_file": environment("SNOWFLAKE_PRIVATE_KEY_PATH"),
        "private_key_file_pwd": environment("SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"),
        "role": environment("SNOWFLAKE_ROLE") or "TRANSFORMER",
        "warehouse": environment("SNOWFLAKE_WAREHOUSE") or "TRANSFORMING",
        "database": environment("SNOWFLAKE_DATABASE") or "ANALYTICS",
        "host": environment("SNOWFLAKE_HOST"),
        "port": int(environment("SNOWFLAKE_PORT") or 443),
        "protocol": environment("SNOWFLAKE_PROTOCOL") or "https",
    }
    return {name: value for name, value in options.items() if value}
