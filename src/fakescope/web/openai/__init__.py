"""A model in the wire format that every client of chat models speaks.

Chat about one image, streaming, log-probabilities of tokens.

wire     requests as they may be, answers as they are
picture  the one image of a request, safely decoded
talk     a request -> tokens, and what is told of them
app      routes, limits, errors
"""
