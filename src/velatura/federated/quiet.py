"""Flower and Ray say nothing to anybody: switched off before either is imported, and in every process that is started.

Flower reads its telemetry switch at import, and otherwise posts to its makers with a time-out of a minute; it writes an identity into its home folder
even with telemetry off, so that the home is ours and belongs to one run.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from velatura.errors import Missing

__all__ = ["switch_off"]

SWITCHES = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray stays on loopback, as it does there; or it looks for the way to 8.8.8.8
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # its warning of a default that will change
    "GRPC_VERBOSITY": "ERROR",
}


def switch_off(home: Path) -> dict[str, str]:
    """Set the switches in this process.

    Args:
        home: a private folder for Flower's own files.

    Returns:
        the same, for the environment of a child.

    Raises:
        Missing: `extra.fl`.
    """
    switches = {**SWITCHES, "FLWR_HOME": str(home), "TORCHINDUCTOR_CACHE_DIR": str(home / "torch")}  # or torch asks the system who we are
    os.environ.update(switches)
    try:
        import flwr  # sets its logger's level as it is imported
    except ImportError as error:
        raise Missing("extra.fl", "flwr is not installed", hint="pip install 'velatura[fl,train]'") from error
    logging.getLogger(flwr.__name__).setLevel(logging.ERROR)
    return switches
