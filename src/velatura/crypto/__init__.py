"""Keys, sealing to a public key, encryption of long files, and logs that cannot be rewritten unseen.

Thin, typed use of `cryptography`; nothing is invented here. Import the module that holds what you need:
`keys` and `keyfile` (identities, recipients, signers, verifiers), `hpke` (one message to a public key), `aead` (long files), `log` (signed),
`chain` (an account without a key), `token_file`.
"""
