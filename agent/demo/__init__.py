"""The story of Tidegate on `examples/repo`, told on any Kubernetes API: the sandbox, or a real one.

Never fakes: it types what a person would, into the real command, and believes only what it sees.
"""
