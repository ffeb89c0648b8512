"""`velatura he`: compute on ciphertext."""

from __future__ import annotations

from velatura.cli.he import compile_model, decrypt, encrypt, estimate, keygen, run, serve, simulate, train
from velatura.cli.he.app import app

__all__ = ["app", "compile_model", "decrypt", "encrypt", "estimate", "keygen", "run", "serve", "simulate", "train"]
