"""Which key speaks for which site: what keeps a server from answering in the place of everybody else.

Listed: a site has its own key in a file and a list of all sites' public keys, which its operator got from the others' operators and not from the
server (`made` writes both for a deployment of one hand). Pinned, for simulations: a key made in the first round, and whoever is met first under a
number keeps it; against a server that cheats from the first round on, this is nothing. In both, another key under a known number is refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from velatura.crypto import keytext
from velatura.crypto.keyfile import load_signer, save_private
from velatura.crypto.keys import Entropy, Signer, Verifier
from velatura.errors import BadSpec, VelaturaError
from velatura.federated.secagg.wire import refused
from velatura.files import atomic_output

__all__ = ["PEERS", "Roster", "key_of", "made", "peers"]

PEERS = "peers"
MOST_SITES = 100_000


@dataclass(slots=True)
class Roster:
    """Public keys by site. is_closed: whoever is not in it is refused; else pinned when first met."""

    known: dict[int, bytes] = field(default_factory=dict)
    is_closed: bool = False

    def admit(self, identities: Mapping[int, bytes]) -> None:
        """All of them, or none.

        Raises:
            Withheld: `federated.secagg`: another key under a known number, an unknown site, one key under two numbers.
        """
        if len(set(identities.values())) != len(identities):
            raise refused("one key speaks for two sites")
        for site, identity in sorted(identities.items()):
            if site in self.known and self.known[site] != identity:
                raise refused(f"the key of site {site} is not the one that is known")
            if site not in self.known and self.is_closed:
                raise refused(f"site {site} is not in the list of keys")
            if site not in self.known and identity in self.known.values():
                raise refused(f"the key of site {site} is known as another site's")
        self.known.update(identities)


def peers(path: Path) -> Roster:
    """The list of all sites' public keys: a line for each, its number and its key.

    Raises:
        BadSpec: `federated.secagg-peers`.
    """
    known: dict[int, bytes] = {}
    try:
        for line in path.read_text("ascii").splitlines():
            number, word = line.split()
            key = keytext.decode(word)
            if not isinstance(key, Verifier) or int(number) in known or not 0 <= int(number) < MOST_SITES:
                raise ValueError(line)
            known[int(number)] = key.raw
    except (OSError, ValueError, VelaturaError) as error:
        raise BadSpec(
            "federated.secagg-peers", f"{path}: no list of sites' public keys", hint="a line for each: 0 velatura-verifier-1-..."
        ) from error
    return Roster(known, is_closed=True)


def key_of(path: Path) -> Signer:
    """A site's own key. Raises BadSpec, BadInput, Withheld as `crypto.keyfile`."""
    return load_signer(path)


def made(folder: Path, sites: int, *, entropy: Entropy = os.urandom) -> Path:
    """Keys for a deployment of one hand: FOLDER/site-N.key, mode 0600, and FOLDER/peers, which every node gets.

    Raises:
        BadSpec: `files.exists`: there are keys already.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    signers = [Signer.new(entropy) for _ in range(sites)]
    for number, signer in enumerate(signers):
        save_private(signer, folder / f"site-{number}.key")
    with atomic_output(folder / PEERS) as part:
        part.write_text("".join(f"{number} {keytext.encode(signer.verifier)}\n" for number, signer in enumerate(signers)), encoding="ascii")
    return folder / PEERS
