"""The explorer: the published tables in a browser, without SQL."""
