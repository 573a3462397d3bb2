"""The gates: one file each, none knows another.

A gate is a pure function `judge(plan, facts, at) -> Ruling`.
"""
