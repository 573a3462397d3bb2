"""The pure core: values in, values out.

Nothing here does I/O, reads a clock, starts a thread or writes a log line.
"""
