"""One embedded Kubernetes API, for the demo, the fast tests and the simulations.

Never pretends: what it can't do as a real server does, it refuses by name.
"""
