"""The kinds people declare in Git: documents → frozen values, all problems at once.

Nothing here compares files, asks the time or touches a cluster.
"""
