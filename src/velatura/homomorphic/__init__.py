"""Compile a network to CKKS, run and train it on ciphertext: the server sees neither input nor result. README.md says what that leaves open."""
