"""The lake: a bucket behind the S3 API, where snapshots for the readers are published."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import botocore.exceptions

from stack_pipeline.errors import UserError


class Lake:
    """Objects of one bucket. endpoint: the S3 API's address, addressed by path. Credentials come from AWS_* as everywhere.

    Every method raises UserError when the lake can't be reached or refuses.
    """

    def __init__(self, endpoint: str, bucket: str) -> None:
        self.endpoint = endpoint
        self.bucket = bucket
        self._client = self._connect()  # at once: threads may share a client, but not make one at the same time

    def _connect(self) -> Any:
        config = botocore.config.Config(
            # unsigned content: what a snapshot's tables are is in its manifest, with their checksums
            s3={"addressing_style": "path", "payload_signing_enabled": False},
            connect_timeout=5,
            retries={"total_max_attempts": 3, "mode": "standard"},
            # smaller engines don't know the newer checksums, which are ours anyway (the manifest's sha256)
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return boto3.client("s3", endpoint_url=self.endpoint, config=config)

    def make_bucket(self, versioning: dict[str, Any], lifecycle: dict[str, Any]) -> bool:
        """Makes the bucket if there is none, with these settings in the S3 API's terms; True when it did."""
        with self._clear_errors():
            try:
                self._client.head_bucket(Bucket=self.bucket)
                return False
            except botocore.exceptions.ClientError as error:
                if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
                    raise
            self._client.create_bucket(Bucket=self.bucket)
            self._client.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration=versioning)
            self._client.put_bucket_lifecycle_configuration(Bucket=self.bucket, LifecycleConfiguration=lifecycle)
            return True

    def read(self, key: str) -> bytes | None:
        """An object's content, or None when there's none."""
        with self._clear_errors():
            try:
                return self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            except self._client.exceptions.NoSuchKey:
                return None

    def write(self, key: str, content: bytes, content_type: str) -> None:
        with self._clear_errors():
            self._client.put_object(Bucket=self.bucket, Key=key, Body=content, ContentType=content_type)

    def upload(self, key: str, file: Path) -> None:
        with self._clear_errors():
            self._client.upload_file(str(file), self.bucket, key)

    def download(self, key: str, file: Path) -> None:
        with self._clear_errors():
            self._client.download_file(self.bucket, key, str(file))

    def keys(self, prefix: str) -> list[str]:
        """Keys that begin with `prefix`, sorted."""
        with self._clear_errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def delete(self, keys: list[str]) -> None:
        with self._clear_errors():
            for key in keys:
                self._client.delete_object(Bucket=self.bucket, Key=key)

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, boto3.exceptions.Boto3Error) as error:
            raise UserError(
                f"The lake's bucket {self.bucket} at {self.endpoint} doesn't answer as it should: {error}.",
                "Look at the object store: `make status`, `make logs s=object-store`.",
            ) from error
