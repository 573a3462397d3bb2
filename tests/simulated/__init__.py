"""A cluster and a world small enough to be killed a thousand times a second."""
