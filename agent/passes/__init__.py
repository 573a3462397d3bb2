"""Passes: look at the world, decide, act, tell, end. They never wait and never import edges."""
