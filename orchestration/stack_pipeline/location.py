"""What the code server loads: the definitions of the stack that the environment names."""

from stack_pipeline.definitions import define
from stack_pipeline.settings import Settings, quiet_telemetry

quiet_telemetry()
defs = define(Settings.from_env())
