"""The confound audit: what the files alone would tell of the label, before any pixel is looked at.

subjects     what is audited: chains and data folders
facts        what a file says of itself: format, size, compression, colour profile, metadata
stages       the facts as features, at each stage on the way to a model
probe        how well classifiers that see only those tell the classes apart
rules        the best single rule, in words
duplicates   the same image, or nearly, across splits and labels
run          all of it                 shares · tables · charts · page   figures for people
"""
