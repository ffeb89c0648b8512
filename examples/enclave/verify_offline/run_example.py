"""Real evidence of three clouds' enclaves, verified without a network; then one bit is turned over in each, and each is refused.

    python examples/enclave/verify_offline/run_example.py [EVIDENCE POLICY TIME]

Needs velatura with its extra `enclave` (for Intel's TCB levels). Each document is judged at a time when its certificates and collateral were in date.
With arguments: your own document instead. The same from the command line: velatura enclave verify EVIDENCE --policy POLICY --time TIME
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from velatura.enclave.appraisal import Verdict
from velatura.enclave.companions import read_companions
from velatura.enclave.evidence.documents import read_evidence
from velatura.enclave.policy import load_policy
from velatura.enclave.verify import verify
from velatura.errors import BadInput, VelaturaError

HERE = Path(__file__).parent
DOCUMENTS = {
    "AMD SEV-SNP (Turin, report of version 5)": ("evidence/snp-v5-turin-vcek.report.bin", "snp.toml", 1782809233),
    "Intel TDX (quote of version 4)": ("evidence/tdx-v4.quote.bin", "tdx.toml", 1751624655),
    "AWS Nitro Enclaves": ("evidence/nitro-2025-indefinite.cose.bin", "nitro.toml", 1766668538),
}
"""What it is -> evidence, policy, and the Unix time at which to judge."""


def judge(named: str, evidence: Path, policy_file: Path, seconds: float) -> bool:
    """Print what is found; whether the document is affirmed, and a changed one is not."""
    policy, now = load_policy(policy_file), datetime.fromtimestamp(seconds, UTC)
    companions, raw = read_companions(policy.companions, policy_file.parent), read_evidence(evidence)
    found = verify(raw, policy, companions, now=now)
    print(f"{named}: {found.verdict}, assurance {found.assurance.word}, {len(found.checks)} checks")
    for check in found.checks:
        print(f"  {check.outcome:8s}{check.name}: {check.told[:110]}")
    changed = raw[:200] + bytes([raw[200] ^ 1]) + raw[201:]
    try:
        refused = verify(changed, policy, companions, now=now)
        print(f"  one bit turned over: {refused.verdict} [{refused.code}]")
        return found.verdict is Verdict.AFFIRMING and refused.verdict is Verdict.CONTRAINDICATED
    except BadInput as error:
        print(f"  one bit turned over: {error}")
        return found.verdict is Verdict.AFFIRMING


def main() -> int:
    if len(sys.argv) > 1:
        evidence, policy, seconds = sys.argv[1:]
        return 0 if judge(evidence, Path(evidence), Path(policy), float(seconds)) else 3
    held = [judge(named, HERE / evidence, HERE / policy, seconds) for named, (evidence, policy, seconds) in DOCUMENTS.items()]
    return 0 if all(held) else 3


if __name__ == "__main__":
    try:
        sys.exit(main())
    except VelaturaError as error:
        sys.exit(f"{error}\n  {error.hint}")
