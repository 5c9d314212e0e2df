"""Publishes what readers get: an immutable snapshot of the marts in the lake (docs/architecture.md has the contract)."""
