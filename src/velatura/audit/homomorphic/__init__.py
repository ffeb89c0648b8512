"""The homomorphic room's part of an audit: what decryptions, answers and parameters of a compiled program give away."""
