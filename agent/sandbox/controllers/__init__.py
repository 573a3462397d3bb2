"""Stand-ins for the controllers of a cluster and the nodes under it; each is stepped by the clock.

Never hurries: what takes time in a cluster takes time on this clock.
"""
