"""A set of instructions in the formats that trainers read; one format a file.

Start at `run.export_set`. `formats.FORMATS` names the formats without loading any of their libraries.
"""
