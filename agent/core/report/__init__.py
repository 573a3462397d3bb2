"""Result → everything that is told: conditions, transitions, status files, explain.

Nothing here decides; nothing else invents a state change.
"""
