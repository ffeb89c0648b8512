"""Where the data of a job on this machine come from: sealed data sets with a key of this person's or his broker's, and files that lie here readable.

A readable file is sealed for the one run, to a key that is drawn for it, and then goes the way that every data set goes: policy, evidence, terms, one
use. It hides nothing from who can read the file; what it shows is that the enclave alone gets it, and that the job keeps to what it declares.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from velatura.crypto.keys import Entropy, Signer
from velatura.crypto.keytext import encode
from velatura.enclave.counters import Counting, SigningCounters
from velatura.enclave.dataset_key import DatasetKey, counter_beside, new_key
from velatura.enclave.datasets import Terms, seal
from velatura.enclave.exchange import KeyHolder
from velatura.enclave.job import Input, Job
from velatura.enclave.manifest import STATE
from velatura.enclave.policy import Policy
from velatura.enclave.session import Source
from velatura.enclave.tpm_counter import TpmCounters, Transport
from velatura.enclave.uses import begin_uses
from velatura.errors import BadSpec
from velatura.files import open_regular

__all__ = ["counters_beside", "one_run", "sources_of", "state_source"]


def one_run(job: Job, policy: Policy, folder: Path, *, entropy: Entropy) -> tuple[list[DatasetKey], dict[str, Path]]:
    """Keys of the readable inputs, and by name where they lie encrypted, in a private folder."""
    keys: list[DatasetKey] = []
    paths: dict[str, Path] = {}
    done: dict[str, Path] = {}
    for name, given in job.inputs.items():
        if given.sealed:
            continue
        if given.digest not in done:
            path = folder / f"{name}.sealed"
            keys.append(_sealed(job, given, policy, path, entropy))
            done[given.digest] = path
        paths[name] = done[given.digest]
    return keys, paths


def sources_of(job: Job, here: KeyHolder, known: Sequence[str], readable: Mapping[str, Path], brokers: Mapping[str, KeyHolder]) -> dict[str, Source]:
    """A source for each input.

    Args:
        here: holds the keys of the data sets `known`.
        readable: of `one_run`.
        brokers: of the rest: input's name -> broker; "": of any that is not named.

    Raises:
        BadSpec: `enclave.no-key`.
    """
    found: dict[str, Source] = {}
    for name, given in job.inputs.items():
        path = readable.get(name, given.path)
        holder = here if given.digest in known else brokers.get(name, brokers.get(""))
        if holder is None:
            hint = "--key FILE of `velatura enclave seal`, or --broker URL"
            raise BadSpec("enclave.no-key", f"{given.path}: no key of this data set was given", hint=hint)
        found[name] = Source(holder, partial(open_regular, path))
    return found


@contextmanager
def counters_beside(keys: Sequence[DatasetKey], *, tpm: Transport, entropy: Entropy) -> Iterator[Counting | None]:
    """The counter of the one state whose key is here, in the TPM or beside the key; None: there is none.

    Raises:
        BadSpec: `enclave.state`: keys of two states. Missing: `crypto.chain-missing`: the key is there and its counter is not.
    """
    found = [key for key in keys if key.state]
    if len(found) > 1:
        raise BadSpec("enclave.state", "keys of two states were given", hint="a job keeps one")
    if not found:
        yield None
        return
    if found[0].tpm is not None:
        yield TpmCounters(tpm, found[0].tpm.index, base=found[0].tpm.base)
        return
    with SigningCounters(counter_beside(found[0].uses), Signer.new(entropy)) as counters:  # here nobody asks for its signature
        yield counters


def state_source(job: Job, path: Path, here: KeyHolder, known: Sequence[str], broker: KeyHolder | None) -> Source:
    """Of what the job keeps, in a file that is there or will be. Raises BadSpec `enclave.no-key`."""
    state = job.terms.state
    holder = here if state is not None and state.id in known else broker
    if holder is None:
        hint = "--key FILE of `velatura enclave seal --state`, or --broker URL"
        raise BadSpec("enclave.no-key", f"{path}: no key of the job's state was given", hint=hint)
    return Source(holder, lambda: open_regular(path) if path.exists() else io.BytesIO())


def _sealed(job: Job, given: Input, policy: Policy, path: Path, entropy: Entropy) -> DatasetKey:
    kept = () if job.terms.state is None else (f"{STATE}:{job.terms.state.id}",)
    terms = Terms(
        policy=policy.digest,
        purpose=given.purpose,
        uses=1,
        outputs=(*(f"{name}:{output.type}:{output.leave}" for name, output in job.outputs.items()), *kept),
        recipient=None if job.recipient is None else encode(job.recipient),
    )
    key = new_key(entropy)
    with path.open("xb") as sink:
        seal([given.path], sink, terms, key, entropy=entropy)
    uses = path.with_name(path.name + ".uses")
    begin_uses(uses, given.digest, terms.uses)
    return DatasetKey(given.digest, key, terms, policy, uses)
