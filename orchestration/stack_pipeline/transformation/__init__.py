"""Builds the warehouse's models: dbt, run in this process, one Dagster asset a model and one check a test."""
