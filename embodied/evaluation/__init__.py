"""Measuring: suites of instructions run many times over, judged, counted and told as tables."""
