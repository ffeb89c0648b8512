"""A network with all that its use takes, in one signed file: made by `edge export`, believed by `edge run` after signature and hashes.

The signature is over the manifest's very bytes and is looked at before they are parsed further than for the signer's name; the manifest names the
hashes of the rest. Limit: without a key of one's own (`--verifier`) the file is only known to be whole, not whose it is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from velatura.crypto import keytext
from velatura.crypto.keys import Signer, Verifier
from velatura.edge.container import MANIFEST, MODEL, MOST_BYTES, SIGNATURE, VECTORS, pack, unpack
from velatura.edge.manifest import Manifest, Part, decode, encode, refuse_parts
from velatura.errors import BadInput, BadSpec, VelaturaError, Withheld
from velatura.files import open_regular
from velatura.models.structure import admit

__all__ = ["Bundle", "read_bundle", "seal"]

DOMAIN = b"velatura edge bundle 1\x00"
"""Before what is signed: a signature of events is none of bundles."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that holds. sha256: of the whole file, so that nobody exchanges it between check and use."""

    path: Path
    sha256: str
    manifest: Manifest
    parts: dict[str, bytes]

    @property
    def model(self) -> bytes:
        return self.parts[MODEL]


def seal(manifest: Manifest, model: bytes, vectors: bytes, signer: Signer) -> bytes:
    """The file; the manifest's `signer` and `parts` are filled in. The same parts and key give the same bytes."""
    rest = {MODEL: model, VECTORS: vectors}
    named = {name: Part(hashlib.sha256(content).hexdigest(), len(content)) for name, content in rest.items()}
    raw = encode(msgspec.structs.replace(manifest, signer=keytext.encode(signer.verifier), parts=named))
    return pack({MANIFEST: raw, SIGNATURE: signer.sign(DOMAIN + raw), **rest})


def read_bundle(path: Path, *, verifier: Verifier | None = None) -> Bundle:
    """A bundle whose signature, hashes and form hold.

    Args:
        verifier: whose it must be; None: whoever it names.

    Raises:
        Withheld: `edge.bundle-signature`, `edge.bundle-signer`, `edge.bundle-hash`.
        BadInput: `edge.bundle-malformed`, `edge.bundle-version`, `models.*`.
        BadSpec: `edge.model`: cannot be read; `edge.model-labels`.
    """
    raw = _read(path)
    parts = unpack(raw)
    named = _signer(parts[MANIFEST])
    if verifier is not None and named != verifier:
        raise Withheld("edge.bundle-signer", f"{path}: is signed by {named.id}, not by {verifier.id}", hint="give the key of its maker")
    try:
        named.check(parts[SIGNATURE], DOMAIN + parts[MANIFEST])
    except Withheld as error:
        raise Withheld("edge.bundle-signature", f"{path}: its signature does not verify", hint="bring the bundle anew") from error
    manifest = decode(parts[MANIFEST])
    refuse_parts(manifest, parts)
    admit(parts[MODEL])
    return Bundle(path, hashlib.sha256(raw).hexdigest(), manifest, parts)


def _read(path: Path) -> bytes:
    try:
        with open_regular(path) as stream:
            raw = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadSpec("edge.model", f"{path}: cannot be read: {error.strerror}", hint="a name of `velatura models list`, or a bundle") from error
    if len(raw) > MOST_BYTES:
        raise BadInput("edge.bundle-malformed", f"{path}: larger than any bundle", hint="velatura edge export MODEL -o BUNDLE")
    return raw


class _Named(msgspec.Struct):
    """The one word that is needed before the signature is checked."""

    signer: str


def _signer(raw: bytes) -> Verifier:
    try:
        key = keytext.decode(msgspec.json.decode(raw, type=_Named).signer)
    except (msgspec.DecodeError, VelaturaError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("edge.bundle-malformed", "the bundle names no signer", hint="bring the bundle anew") from error
    if not isinstance(key, Verifier):
        raise BadInput("edge.bundle-malformed", "the bundle names no signer", hint="bring the bundle anew")
    return key
