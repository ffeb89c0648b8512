"""`velatura doctor`: what works here, what is missing, and the command that brings it."""

from __future__ import annotations

from typing import Any

from velatura.cli.options import Json

__all__ = ["EPILOG", "command"]

EPILOG = "Example: velatura doctor --json"

EXTRAS = {"train": "torch", "he": "tenseal", "fl": "flwr", "fl-ray": "ray", "edge": "paho.mqtt", "enclave": "dcap_qvl"}
LIBRARIES = ("numpy", "opencv-python-headless", "av", "pillow", "onnxruntime", "cryptography", "scipy", "msgspec")


def command(json: Json = False) -> int:
    """Say what works here, what is missing, and the command that brings it.

    Exit status 4 if the main job cannot run: no face detector, a library that does not load, or (on Linux) no confinement by seccomp and rlimits.
    """
    from velatura.cli.output import emit

    checks = [*_interpreter(), *_libraries(), *_models(), *_sandbox(), *_extras()]
    text = "\n".join(_line(check) for check in checks)
    emit("doctor", {"checks": checks}, json=json, text=text)
    return 4 if any(check["state"] == "missing" and check["needed"] for check in checks) else 0


def _check(name: str, works: bool, detail: str, *, brings: str = "", needed: bool = False) -> dict[str, Any]:
    return {"name": name, "state": "works" if works else "missing", "detail": detail, "brings": "" if works else brings, "needed": needed}


def _line(check: dict[str, Any]) -> str:
    mark = {"works": "ok     ", "missing": "MISSING" if check["needed"] else "absent "}[check["state"]]
    brings = f"\n{'':25s}-> {check['brings']}" if check["brings"] else ""
    return f"{mark} {check['name']:16s} {check['detail']}{brings}"


def _interpreter() -> list[dict[str, Any]]:
    import os
    import platform

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [_check("python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}, {cores} cores")]


def _libraries() -> list[dict[str, Any]]:
    from importlib.metadata import PackageNotFoundError, version

    checks = []
    for name in LIBRARIES:
        try:
            checks.append(_check(name, True, version(name)))
        except PackageNotFoundError:
            checks.append(_check(name, False, "is not installed", brings=f"pip install {name}", needed=True))
    return checks + _one_opencv()


def _one_opencv() -> list[dict[str, Any]]:
    """Two OpenCV wheels in one environment overwrite each other's files."""
    from importlib.metadata import distributions

    found = sorted({dist.name for dist in distributions() if dist.name and dist.name.lower().startswith("opencv-")})
    if len(found) < 2:
        return []
    return [
        _check(
            "opencv", False, f"{', '.join(found)} overwrite each other", brings="pip uninstall all of them, then pip install opencv-python-headless"
        )
    ]


def _models() -> list[dict[str, Any]]:
    from velatura.models.store import ModelStore

    store = ModelStore()
    present = [name for name, entry in store.known().items() if entry.labels == ("face",) and store.present(name)]
    checks = [_check("face detector", bool(present), ", ".join(present) or "none is here", brings="velatura models pull", needed=True)]
    for task, name in (("person, vehicle", "fastestdet"), ("text, plate", "ppocr-det")):
        checks.append(_check(task, store.present(name), name, brings=f"velatura models pull {name}"))
    return checks


def _sandbox() -> list[dict[str, Any]]:
    """Media need two of the layers wherever they are confined at all, which is on Linux."""
    import sys

    from velatura.sandbox import Layer
    from velatura.sandbox.layers import layers

    needed = {Layer.SECCOMP, Layer.RLIMITS} if sys.platform == "linux" else set()
    return [_check(f"sandbox {layer}", not absent, absent or "holds here", needed=layer in needed) for layer, absent in layers().items()]


def _extras() -> list[dict[str, Any]]:
    from importlib.util import find_spec

    checks = []
    for extra, module in EXTRAS.items():
        try:
            there = find_spec(module) is not None
        except ModuleNotFoundError:
            there = False
        checks.append(_check(f"extra {extra}", there, module, brings=f"pip install 'velatura[{extra}]'"))
    return checks
