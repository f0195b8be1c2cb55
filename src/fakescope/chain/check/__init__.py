"""Check: what a machine can say of a draft before a person reads it, and which drafts a person should read first.

faults   one draft by itself: label, criteria, boxes, borrowed words
crowd    a draft among all others: is it about this image, or could it stand under any?
jury     drafts of several teachers on one image: where do they disagree?
run      all of it over a chain, with the priority of each draft
"""
