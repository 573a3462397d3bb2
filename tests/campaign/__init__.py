"""Breaks the whole agent on the sandbox, one seed at a time, judged from outside."""
