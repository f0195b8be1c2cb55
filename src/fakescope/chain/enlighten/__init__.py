"""Enlighten: a teacher LMM is asked, with human supervision and the true label, for reasoning (ACoTI, third step).

question   image, supervision, exemplars -> prompt and its hash
answer     the teacher's text -> a checked answer, or a named fault
ask        one question: attempts, waits, costs -> a draft
budget     tokens and money
run        all questions of a chain: concurrency, resume, counts
"""
