"""The inbox: files that a user drops into a folder become tables (docs/architecture.md has the rules)."""
