"""Flower's deployment engine run by us: certificates, keys, processes, and a job sent to them.

Modules here import Flower, which reads its switches as it is imported: they are set before.
"""

from __future__ import annotations

import os

from velatura.federated.quiet import SWITCHES

os.environ.update(SWITCHES)
