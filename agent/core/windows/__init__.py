"""When something is open: schedules of people, as half-open intervals of UTC.

Only time is judged here; whom a schedule concerns and what it holds is decided elsewhere.
"""
