"""The commands: one file each, no logic. Whatever is heavy is imported inside the functions that need it."""
