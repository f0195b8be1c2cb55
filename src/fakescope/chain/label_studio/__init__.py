"""Exchange with Label Studio: tasks with predictions out, annotations in.

config    the labelling interface, as XML
values    boxes, choices and texts <-> Label Studio's results
export    a chain as tasks, with drafts as predictions and what people did as annotations
load      annotations as judgements and reviews
"""
