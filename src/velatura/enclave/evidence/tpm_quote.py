"""A TPM 2.0 quote (TPMS_ATTEST): who asked, how often the machine started, and the digest of the chosen registers.

The digest is over the registers' values in the order of their numbers, by the hash of the signature, whatever the bank.

Source: TCG TPM 2.0 Library 1.59, part 2, sections 10.12.8 (TPMS_ATTEST), 10.11.1 (TPMS_CLOCK_INFO), 10.12.4 (TPMS_QUOTE_INFO); big-endian.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from velatura.enclave.appraisal import Examination, Refused
from velatura.enclave.evidence.eventlog import BANKS
from velatura.enclave.evidence.fields import Fields
from velatura.errors import BadInput

__all__ = ["REGISTERS", "Quote", "hold_registers", "read_quote"]

MAGIC, ATTEST_QUOTE = b"\xffTCG", 0x8018
REGISTERS = 24


@dataclass(frozen=True, slots=True)
class Quote:
    """What was signed.

    Attributes:
        raw: the signed bytes.
        nonce: what the asker gave (extraData).
        signer: qualified name of the key.
        clock_ms: of the TPM, which may be powered off in between.
        resets, restarts: of the TPM: another number is another boot.
        safe: the clock did not go back.
        firmware: version of the TPM's.
        bank: hash of the registers.
        chosen: their numbers, ascending.
        digest: over their values.
    """

    raw: bytes
    nonce: bytes
    signer: bytes
    clock_ms: int
    resets: int
    restarts: int
    safe: bool
    firmware: int
    bank: str
    chosen: tuple[int, ...]
    digest: bytes

    @property
    def claims(self) -> dict[str, Any]:
        return {
            "nonce": self.nonce.hex(),
            "clock_ms": self.clock_ms,
            "reset_count": self.resets,
            "restart_count": self.restarts,
            "clock_safe": self.safe,
            "tpm_firmware": f"{self.firmware:016x}",
            "qualified_signer": self.signer.hex(),
        }


def read_quote(raw: bytes) -> Quote:
    """Raises BadInput `enclave.evidence`: not made by a TPM, no quote, or cut short; Refused `malformed`: it breaks a rule."""
    fields = Fields(raw, "the TPM quote", "big")
    if fields.take(4) != MAGIC:
        raise BadInput("enclave.evidence", "this is no TPM quote: it does not begin with ff544347, which a TPM puts before what it made itself")
    if fields.number(2) != ATTEST_QUOTE:
        raise BadInput("enclave.evidence", "this is no TPM quote but another attestation")
    signer, nonce = fields.sized(2), fields.sized(2)
    clock, resets, restarts, safe, firmware = fields.number(8), fields.number(4), fields.number(4), fields.number(1), fields.number(8)
    if safe > 1 or len(signer) > 66 or len(nonce) > 66:
        raise _malformed("its clock's flag is neither yes nor no, or a name or nonce is longer than TPMs make them")
    bank, chosen = _selection(fields)
    digest = fields.sized(2)
    if fields.left:
        raise _malformed(f"{fields.left} bytes follow it")
    return Quote(raw, nonce, signer, clock, resets, restarts, bool(safe), firmware, bank, chosen, digest)


def _selection(fields: Fields) -> tuple[str, tuple[int, ...]]:
    count = fields.number(4)
    if count > len(BANKS):
        raise _malformed(f"it selects registers of {count} banks")
    found: dict[str, tuple[int, ...]] = {}
    for _ in range(count):
        number, bitmap = fields.number(2), fields.sized(1)
        name, _size = BANKS.get(number, ("", 0))
        chosen = tuple(at for at in range(8 * len(bitmap)) if bitmap[at // 8] >> at % 8 & 1)
        if name not in hashlib.algorithms_available or name in found or any(at >= REGISTERS for at in chosen):
            raise _malformed(f"a bank of algorithm 0x{number:04x}, one that comes twice, or a register that does not exist")
        found[name] = chosen
    chosen_banks = {name: chosen for name, chosen in found.items() if chosen}
    if len(chosen_banks) != 1:
        raise _malformed(f"it is over registers of {len(chosen_banks)} banks; one quote is over one bank here")
    return next(iter(chosen_banks.items()))


def hold_registers(examination: Examination, quote: Quote, registers: Mapping[int, bytes], digest: str, name: str = "registers") -> None:
    """The check `registers`: the values beside the quote are those that it is over.

    Args:
        registers: number -> value, of the quote's bank; those that are not chosen are not looked at.
        digest: the signature's hash.

    Raises:
        Refused: `registers`.
    """
    size = hashlib.new(quote.bank).digest_size
    missing = [index for index in quote.chosen if len(registers.get(index, b"")) != size]
    if missing:
        raise Refused(name, "registers", f"the quote is over register {missing[0]}, whose {quote.bank} value is not given")
    found = hashlib.new(digest, b"".join(registers[index] for index in quote.chosen)).digest()
    told = f"the values of {len(quote.chosen)} {quote.bank} registers {'are' if found == quote.digest else 'are not'} those that were quoted"
    examination.need(name, found == quote.digest, "registers", told)


def _malformed(told: str) -> Refused:
    return Refused("structure", "malformed", f"the TPM quote: {told}")
