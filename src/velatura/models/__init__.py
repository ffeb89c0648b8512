"""Model files: the catalogue of those we know, the store that checks their hashes, how they are brought, and the one runtime that runs them.

Import the module that holds what you need: `catalogue`, `store`, `pull`, `fold` (tidying a network in memory), `runtime` (onnxruntime).
"""
