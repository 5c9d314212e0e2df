"""Dagster's side of the resources: configured from the environment, failures in a user's words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dagster import ConfigurableResource, Failure, OpExecutionContext

from stack_pipeline import lease
from stack_pipeline.errors import UserError, machine_limit

if TYPE_CHECKING:
    from stack_pipeline.resources.lake import Lake


class LakeResource(ConfigurableResource):
    """The lake's bucket. endpoint: address of its S3 API. Credentials: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION."""

    endpoint: str
    bucket: str

    def open(self) -> "Lake":
        from stack_pipeline.resources.lake import Lake  # boto3: only for runs

        return Lake(self.endpoint, self.bucket)


class WarehouseLease(ConfigurableResource):
    """The right to open the warehouse, held for a whole step.

    socket: the supervisor's socket. Empty where there's no supervisor and nobody else writes (AWS): Dagster's pool `warehouse` then
    keeps its steps apart.
    """

    socket: str

    @contextmanager
    def hold(self, context: OpExecutionContext) -> Iterator[None]:
        """Waits for the warehouse, and says in the run's log who holds it."""
        if not self.socket:
            yield
            return
        owner = f"dagster run {context.run_id[:8]} step {context.op.name}"
        with lease.hold("warehouse", owner, self.socket, context.log.info):
            yield


@contextmanager
def failing_clearly() -> Iterator[None]:
    """Turns a user's error or a limit of the machine's into a failure that says what, where and what to do, and isn't retried."""
    try:
        yield
    except Exception as error:
        told = machine_limit(str(error)) or error
        if not isinstance(told, UserError):
            raise
        raise Failure(str(told), {"what to do": told.remedy, **told.details}, allow_retries=False) from None
