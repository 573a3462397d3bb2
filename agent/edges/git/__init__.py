"""Git: a mirror to read from, branches to write to; the only package that imports GitPython.

Never has a work tree, never runs a hook or a filter, and believes nothing that a tree says.
"""
