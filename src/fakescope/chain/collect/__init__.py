"""Collect: images from anywhere into a chain, by one path.

items        one image to be, with what is known of it; the protocol of all inputs
folders      folders, tables of files, data folders       parquet · huggingface   rows with an image column
rules · repositories · sources   a table of sources: repositories at a commit
inputs       from what a person names to inputs
take         bytes -> decoded, hashed, kept under the name of its content
journal      what was read, so that a run that was stopped goes on
near         which images look nearly alike                splits   who goes to train, dev and test
settle       duplicates and splits decided over everything, and the images added to the store
run          all of it
"""
