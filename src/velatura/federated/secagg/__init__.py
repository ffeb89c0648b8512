"""Secure aggregation: the server learns the sum of a round's updates and no single one.

`wire` is what is said, `client` and `server` are the two state machines (pure: no Flower, no network), `stages` joins the client's to Flower;
the aggregator that joins the server's is `federated/secure_aggregation.py`.
Source: Bonawitz et al., "Practical Secure Aggregation for Privacy-Preserving Machine Learning", CCS 2017, figure 4 (with the consistency round);
Bell et al., "Secure Single-Server Aggregation with (Poly)Logarithmic Overhead", CCS 2020, for the graph of neighbours.
"""
