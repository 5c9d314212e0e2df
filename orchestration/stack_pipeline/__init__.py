"""Dagster code location of the stack: ingestion (dlt), transformation (dbt), publish (snapshots in the lake)."""
