"""Measurements against peers: `python -m benchmarks [ROOM ...]`. Each writes docs/benchmarks/ROOM.{md,json}."""
