"""Findings before a person: one HTML file, JSON, and what other tools read. See README.md."""

from __future__ import annotations

from velatura.report.reading import read_report, write_report
from velatura.report.report import Report, worst

__all__ = ["Report", "read_report", "worst", "write_report"]
