"""An examination made readable: JSON lines, Markdown, a terminal page and a self-contained HTML page.

Nothing here judges; `build` derives what all of them show, so that they can't say different things.
"""
