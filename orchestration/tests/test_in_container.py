"""What a container prepares when it starts."""

import uuid

import boto3
import pytest
from stack_pipeline.in_container import make_bucket


def test_the_lakes_bucket_is_made_as_infra_s3_makes_it_and_only_once(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = f"lake-{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("LAKE_S3_ENDPOINT", s3)
    monkeypatch.setenv("LAKE_BUCKET", bucket)
    make_bucket()
    client = boto3.client("s3", endpoint_url=s3)
    assert client.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    [rule] = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["ID"] == "old-versions"
    client.put_object(Bucket=bucket, Key="a", Body=b"a")
    make_bucket()
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"a"
