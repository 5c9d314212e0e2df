"""Peers of benchmarks/serve.ts: FastAPI on the same file, as one writes it in ten lines; and DuckDB in this process.

usage: peer.py FILE PORT | peer.py FILE --fetch SQL
"""

import sys
import time

import duckdb


def serve(file: str, port: int) -> None:
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Query(BaseModel):
        sql: str
        params: list = []

    connection = duckdb.connect(file, read_only=True, config={"threads": 2})
    app = FastAPI()

    @app.post("/query")
    def query(query: Query) -> list[dict]:
        result = connection.cursor().execute(query.sql, query.params)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


def fetch(file: str, sql: str) -> None:
    """Prints the best of five, in milliseconds: the result as an Arrow IPC stream in memory."""
    import pyarrow as pa

    connection = duckdb.connect(file, read_only=True, config={"threads": 2})
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        table = connection.execute(sql).to_arrow_table()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        best = min(best, time.perf_counter() - start)
    print(best * 1000)


if sys.argv[2] == "--fetch":
    fetch(sys.argv[1], sys.argv[3])
else:
    serve(sys.argv[1], int(sys.argv[2]))
