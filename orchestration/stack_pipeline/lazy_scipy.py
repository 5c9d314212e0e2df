"""Lets scipy.stats be imported when it is first used: Great Expectations imports it for expectations that hardly anybody has, which
takes a second and 45 MiB of every fork server. The recipe of importlib's documentation.
"""

import importlib.util
import sys

NAME = "scipy.stats"

if NAME not in sys.modules and (spec := importlib.util.find_spec(NAME)) and spec.loader:
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)
