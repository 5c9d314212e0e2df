"""Makes a larger copy of the flights: each one `times` times, a year apart, as Parquet; the other tables as they are."""

import argparse
import shutil
import tempfile
from pathlib import Path

import duckdb
from stack_pipeline.ingestion.flights_files import TABLES, find_sources, to_parquet
from stack_pipeline.settings import packaged_flights


def make_flights(folder: Path, times: int) -> Path:
    """Fills `folder`, once; with 20 it has 6.7 million flights of 1994 to 2013 (about 60 MB). Returns it."""
    if (folder / "flights.parquet").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        for source in find_sources(packaged_flights()):
            path, _ = to_parquet(source, Path(temporary))
            if source.table == "flights":
                path = _repeat(path, Path(temporary) / "repeated.parquet", times)
            shutil.move(path, folder / f"{source.table}.parquet")
    return folder


def _repeat(source: Path, target: Path, times: int) -> Path:
    columns = [name for name in TABLES["flights"].names if name not in ("year", "time_hour")]
    # 2013 isn't a leap year, so each of its dates exists in every year
    select = f"""
        select year - n as year, {", ".join(columns)}, time_hour - to_years(cast(n as integer)) as time_hour
        from read_parquet('{source}'), range({times}) as copies(n)
    """
    names = ", ".join(TABLES["flights"].names)
    duckdb.execute(f"copy (select {names} from ({select})) to '{target}' (format parquet, compression snappy)")
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--times", type=int, default=20)
    options = parser.parse_args()
    print(make_flights(options.folder, options.times))


if __name__ == "__main__":
    main()
