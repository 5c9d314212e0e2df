"""The tables of the flights and the columns that each must have."""

FILES = "flights_files"
"""Beside them: which files were loaded."""

WHOLE, REAL, TEXT, UTC = "whole number", "real number", "text", "time in UTC"

COLUMNS: dict[str, dict[str, str]] = {
    "flights": {
        "year": WHOLE, "month": WHOLE, "day": WHOLE,
        "dep_time": WHOLE, "sched_dep_time": WHOLE, "dep_delay": WHOLE,
        "arr_time": WHOLE, "sched_arr_time": WHOLE, "arr_delay": WHOLE,
        "carrier": TEXT, "flight": WHOLE, "tailnum": TEXT, "origin": TEXT, "dest": TEXT,
        "air_time": WHOLE, "distance": WHOLE, "hour": WHOLE, "minute": WHOLE, "time_hour": UTC,
    },
    "airlines": {"carrier": TEXT, "name": TEXT},
    "airports": {
        "faa": TEXT, "name": TEXT, "lat": REAL, "lon": REAL, "alt": WHOLE, "tz": WHOLE, "dst": TEXT, "tzone": TEXT,
    },
    "planes": {
        "tailnum": TEXT, "year": WHOLE, "type": TEXT, "manufacturer": TEXT, "model": TEXT,
        "engines": WHOLE, "seats": WHOLE, "speed": WHOLE, "engine": TEXT,
    },
    "weather": {
        "origin": TEXT, "year": WHOLE, "month": WHOLE, "day": WHOLE, "hour": WHOLE,
        "temp": REAL, "dewp": REAL, "humid": REAL, "wind_dir": WHOLE, "wind_speed": REAL, "wind_gust": REAL,
        "precip": REAL, "pressure": REAL, "visib": REAL, "time_hour": UTC,
    },
}  # fmt: skip
"""Times are local and written hhmm, delays are minutes; time_hour is the scheduled hour in UTC, without a zone."""
