"""Loads the sources into the warehouse's schema `raw` (dlt)."""
