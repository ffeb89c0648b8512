"""Verify who computes before anything is sent, run where its operator cannot look. README.md says what that leaves open."""
