"""Copies models to Parquet files, from DuckDB or from Snowflake; the files are the same kind, whatever engine built them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from stack_pipeline.errors import UserError
from stack_pipeline.settings import Settings
from stack_pipeline.transformation.dbt import PublishedModel
from stack_pipeline.warehouse import connect, quoted_text

Exporter = Callable[[Path, list[PublishedModel], Path], Iterator[PublishedModel]]
"""Writes `<folder>/<name>.parquet` for each model and yields the model then. Arguments: the warehouse's file, models, folder."""


def exporter(settings: Settings) -> Exporter:
    """The exporter for the engine in which dbt builds the models."""
    return _export_both if settings.on_snowflake else export_duckdb


def export_duckdb(warehouse: Path, models: list[PublishedModel], folder: Path) -> Iterator[PublishedModel]:
    """Exports tables of the warehouse's file; the caller holds its lease."""
    if not models:
        return
    try:
        with connect(warehouse, read_only=True) as connection:
            for model in models:
                # the database's name in dbt's relation is the warehouse's file name: the same file is open here
                target = quoted_text(str(folder / f"{model.name}.parquet"))
                connection.execute(f"copy {model.relation} to {target} (format parquet, compression zstd)")
                yield model
    except duckdb.Error as error:
        raise UserError(
            f"The marts can't be read from {warehouse}: {error}.", "Run the whole pipeline, with dbt before publish."
        ) from error


def export_snowflake(models: list[PublishedModel], folder: Path) -> Iterator[PublishedModel]:
    """Exports tables of Snowflake, batch by batch as the server makes them, so that a table needn't fit into memory."""
    if not models:
        return
    from snowflake.connector.errors import Error

    from stack_pipeline import snowflake

    with snowflake.connect() as connection, connection.cursor() as cursor:
        for model in models:
            try:
                cursor.execute(f"select * from {model.relation}")
                _write(cursor, folder / f"{model.name}.parquet")
            except (Error, ValueError) as error:
                raise UserError(
                    f"{model.relation} can't be read from Snowflake: {getattr(error, 'msg', None) or error}",
                    "Run the whole pipeline, with dbt before publish.",
                ) from error
            yield model


def _export_both(warehouse: Path, models: list[PublishedModel], folder: Path) -> Iterator[PublishedModel]:
    # what was loaded without a model lies in the stack's own DuckDB file, also when the models are Snowflake's
    yield from export_duckdb(warehouse, [model for model in models if model.landed], folder)
    yield from export_snowflake([model for model in models if not model.landed], folder)


def _write(cursor: Any, file: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(_plain_name(column.name), _arrow_type(column)) for column in cursor.description])
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in _batches(cursor):
            # a batch has the smallest type that holds its numbers, and nanoseconds: all batches get the table's types
            columns = [column.cast(type) for column, type in zip(batch.columns, schema.types, strict=True)]
            writer.write_table(pa.table(columns, schema=schema))


def _batches(cursor: Any) -> Iterator[Any]:
    for batch in cursor.fetch_arrow_batches():
        if batch is not None and batch.num_rows:
            yield batch


def _plain_name(name: str) -> str:
    """Snowflake's upper-case names, as DuckDB's readers know them."""
    return name.lower() if name.isupper() else name


def _arrow_type(column: Any) -> Any:
    import pyarrow as pa
    from snowflake.connector.constants import FIELD_ID_TO_NAME

    kind = FIELD_ID_TO_NAME[column.type_code]
    if kind == "FIXED" and column.scale:
        return pa.decimal128(column.precision, column.scale)
    types = {
        "FIXED": pa.int64(),
        "REAL": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(),
        "TIME": pa.time64("us"),
        "TIMESTAMP": pa.timestamp("us"),
        "TIMESTAMP_NTZ": pa.timestamp("us"),
        "TIMESTAMP_LTZ": pa.timestamp("us", "UTC"),
        "TIMESTAMP_TZ": pa.timestamp("us", "UTC"),
        "BINARY": pa.binary(),
    }
    return types.get(kind, pa.string())  # text, and what Snowflake gives as JSON text
