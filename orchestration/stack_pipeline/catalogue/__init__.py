"""What the catalogue is told: DataHub's, or apps/catalog, which speaks the same."""
