"""Other words for a set of instructions, by any LLM behind an OpenAI-compatible server; it sees no image.

pieces     an instruction -> its questions and its answers, each to be reworded by itself
ask        one piece: prompt, attempts, waits, costs -> a reply or a named fault
cache      what was asked, in a SQLite file: nothing is asked twice
flow       many pieces at a time, in order until the end, the budget or Ctrl-C
faithful   a rewording that may not be taken, by name
assemble   set and replies -> another set
run        all of it
"""
