"""Great Expectations: suites in orchestration/quality/, run before the publish; results as checks, bad rows in quarantine."""
