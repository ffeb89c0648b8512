"""One verifier for each format of evidence: pure functions of bytes, policy, companions and time. `enclave/verify.py` picks one by the policy."""
