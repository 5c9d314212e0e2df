"""The job `pipeline` from files to published snapshot, with real dlt, dbt, DuckDB and S3."""


def test_first_run(pipeline):
    result = pipeline.run()
    assert result.success
    assert pipeline.query("select count(*) from analytics.fct_flights") == [(6099,)]
    print(pipeline.latest())
