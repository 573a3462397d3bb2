"""A package's source at one commit → documents; programs run shut in, and never twice for nothing.

Nothing here knows a cluster or decides what is applied.
"""
