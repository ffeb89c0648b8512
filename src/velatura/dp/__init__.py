"""Mechanisms of differential privacy. Import the module that you need: `mechanisms`."""
