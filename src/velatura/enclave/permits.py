"""Whether a job keeps to the terms of a data set: its code, its purpose, what it may put out, and to whom. Judged by its attested manifest."""

from __future__ import annotations

from velatura.enclave.datasets import Terms
from velatura.enclave.manifest import STATE, Declared, Manifest, State
from velatura.enclave.outputs import Output
from velatura.errors import Withheld

__all__ = ["hold_terms"]


def hold_terms(terms: Terms, dataset: str, manifest: Manifest) -> None:
    """
    Raises:
        Withheld: `enclave.terms`: the job does not declare the data set, or for another purpose; or declares an output that the owner does not allow.
    """
    declared: dict[str, Declared | State] = {f"inputs.{name}": given for name, given in manifest.inputs.items() if given.digest == dataset}
    if manifest.state is not None and manifest.state.id == dataset:
        declared["state"] = manifest.state
    if not declared:
        raise Withheld("enclave.terms", "the job declares no input that is this data set", hint="[inputs.NAME] file = ... in its file")
    for name, given in declared.items():
        if given.purpose != terms.purpose:
            told = f"the job asks for {name} to {given.purpose!r}; its owner gives it to {terms.purpose!r}"
            raise Withheld("enclave.terms", told, hint=f"{name}.purpose in the job's file")
    if terms.code:
        _hold_code(terms, manifest)
    if manifest.state is not None and manifest.state.id != dataset and f"{STATE}:{manifest.state.id}" not in terms.outputs:
        # who holds the state's key decides where it goes next: it is a way out as any output is
        told = "the job keeps state, and the data's owner does not allow that under this key"
        raise Withheld("enclave.terms", told, hint=f"enclave seal --outputs ...,{STATE}:{manifest.state.id}")
    allowed = {word.partition(":")[0]: word for word in terms.outputs}
    for name, output in manifest.outputs.items():
        _hold_output(name, output, allowed)
        if output.leave == "sealed" and terms.recipient is not None and manifest.recipient != terms.recipient:
            told = f"output {name!r} is sealed to somebody else than the data's owner names"
            raise Withheld("enclave.terms", told, hint="recipient in the job's file")


def _hold_code(terms: Terms, manifest: Manifest) -> None:
    """Every file that runs is one that the owner read."""
    for what, digest in (("code", manifest.code), ("model", manifest.model)):
        if digest is not None and digest not in terms.code:
            told = f"the job's {what} is {digest}, which is none of those that the data's owner allows"
            raise Withheld("enclave.terms", told, hint="it was changed since, or its owner has to seal anew: enclave seal --code FILE")


def _hold_output(name: str, output: Output, allowed: dict[str, str]) -> None:
    if name not in allowed:
        raise Withheld("enclave.terms", f"the job puts out {name!r}; the data's owner allows {', '.join(allowed)}", hint="ask its owner")
    _, _, rest = allowed[name].partition(":")
    kind, _, leave = rest.partition(":")
    if kind and kind != output.type:
        raise Withheld("enclave.terms", f"output {name!r} is of type {output.type}; the data's owner allows {kind}", hint="ask its owner")
    if leave == "sealed" and output.leave != "sealed":
        raise Withheld("enclave.terms", f"output {name!r} is released; the data's owner wants it sealed", hint=f'outputs.{name}.leave = "sealed"')
