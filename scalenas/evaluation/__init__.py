"""Arch to metrics: BN calibration, validation, latency."""
