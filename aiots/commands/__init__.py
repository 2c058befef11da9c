"""The commands of `aiots`, one file each: every module here defines `register(app)` and is found by its name."""
