"""The merge: pure functions from what both sides show to what is written where, and why."""
