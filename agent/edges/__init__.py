"""The imperative shell: one outside world per package; nothing here decides."""
