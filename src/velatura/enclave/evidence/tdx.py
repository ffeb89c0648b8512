"""Intel TDX: a quote about a guest (trust domain), versions 4 and 5, alone or with the firmware's event log (`[with] eventlog`, a CCEL).

`mrtd` is of what the host loaded (the virtual firmware), `rtmr0` to `rtmr3` of what was measured after. A service TD that is bound to a guest, such
as one that migrates it, can read its state: `require.migration = true` tolerates it.

Limits: a quote does not tell when it was made; freshness comes from the nonce in its report data.
Source: Intel TDX Module ABI, TD attributes; names of bits as Linux has them (arch/x86/include/asm/shared/tdx.h).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from velatura.enclave.appraisal import Examination
from velatura.enclave.assurance import Assurance
from velatura.enclave.companions import Companions
from velatura.enclave.evidence.ccel import hold_ccel
from velatura.enclave.evidence.dcap import hold_quote
from velatura.enclave.evidence.dcap_quote import Quote, TdReport
from velatura.enclave.evidence.requirements import hold_age, hold_debug, hold_nonce, hold_reference
from velatura.enclave.policy import Policy

__all__ = ["ATTRIBUTES", "examine", "examine_quote"]

UNDER_DEBUG = 0xFF
"""Attributes that let somebody look into the guest (TUD group): debugging, and three ways of profiling."""

ATTRIBUTES: Mapping[str, int] = MappingProxyType(
    {
        "debug": 0,
        "hgs_plus_prof": 4,
        "perf_prof": 5,
        "pmt_prof": 6,
        "icssd": 16,
        "lass": 27,
        "sept_ve_disable": 28,
        "migratable": 29,
        "pks": 30,
        "kl": 31,
        "tpa": 62,
        "perfmon": 63,
    }
)
"""Name of a TD's attribute -> its bit; the others are reserved."""

KNOWN = sum(1 << bit for bit in ATTRIBUTES.values())


def examine(examination: Examination, evidence: bytes, policy: Policy, companions: Companions, now: datetime) -> Assurance:
    """The verifier of `tdx`; see `verify.Verifier`. What it raises: `examine_quote`, `ccel.hold_ccel`."""
    report = examine_quote(examination, evidence, policy, companions, now)
    hold_reference(examination, policy, report.measurements)
    if companions.eventlog is None:
        examination.passed("eventlog", "no event log was given: what went into rtmr0..3 was not looked at")
    else:
        hold_ccel(examination, companions.eventlog, report.rtmrs)
    hold_nonce(examination, policy, report.report_data, padded=True)
    hold_age(examination, policy, None, now)
    return Assurance.TEE


def examine_quote(examination: Examination, raw: bytes, policy: Policy, companions: Companions, now: datetime) -> TdReport:
    """A bare TD quote: all checks but reference values, event log and freshness, which a format that carries it makes in its own way.

    Returns:
        what is attested: `measurements` by the names of a policy, `report_data`; claims stand in the examination.

    Raises:
        as `dcap.hold_quote`.
    """
    quote = hold_quote(examination, raw, "tdx", policy, companions, now, body=lambda quote: _hold_body(examination, _report(quote), policy))
    return _report(quote)


def _report(quote: Quote) -> TdReport:
    assert isinstance(quote.body, TdReport), "read_quote gives the body of the kind that was asked for"
    return quote.body


def _hold_body(examination: Examination, report: TdReport, policy: Policy) -> None:
    named = [name for name, bit in ATTRIBUTES.items() if report.attributes >> bit & 1]
    debug = bool(report.attributes & UNDER_DEBUG)
    examination.claims |= {
        "measurement": report.mrtd.hex(),
        **{name: value.hex() for name, value in report.measurements.items()},
        "mrseam": report.mrseam.hex(),
        "mrsignerseam": report.mrsignerseam.hex(),
        "mrconfigid": report.mrconfigid.hex(),
        "mrowner": report.mrowner.hex(),
        "mrownerconfig": report.mrownerconfig.hex(),
        "mrservicetd": report.mrservicetd.hex(),
        "tee_tcb_svn": report.tee_tcb_svn.hex(),
        "td_attributes": named,
        "xfam": report.xfam.hex(),
        "debug": debug,
        "report_data": report.report_data.hex(),
    }
    hold_debug(examination, policy, debug)
    strange = report.attributes & ~KNOWN
    held = not strange and "sept_ve_disable" in named
    told = f"TD attributes are {', '.join(named) or 'none'}" + (f" and reserved bits {strange:#x}" if strange else "")
    hint = "without sept_ve_disable the host can take pages away unseen: whoever runs the guest sets it at launch"
    examination.hold("td-attributes", held, "td-attributes", told, hint=hint)
    tolerated = policy.require.migration
    movable = "migratable" in named
    told = "the guest may be moved to another machine" if movable else "the guest may not be moved to another machine"
    examination.hold("migration", not movable or tolerated, "migration", told, hint="require.migration = true tolerates it")
    bound = any(report.mrservicetd)
    told = "a service TD is bound to the guest" if bound else "no service TD is bound to the guest"
    examination.hold("service-td", not bound or tolerated, "service-td", told, hint="require.migration = true tolerates it")
