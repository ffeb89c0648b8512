"""Flower's deployment engine run by us: certificates, keys, processes, and a job sent to them."""
