"""A model on an OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, `fakescope serve`, or a hosted one.

    fakescope detect photos/ --model 'http://localhost:8000/v1?model=NAME'

options  what can be set
wire     requests, retries, limits on what comes back
manner   how this server goes on with an answer that is begun, and binds one to words
words    its likeliest tokens -> log-probabilities of words
model    all of it as a `ForensicModel`
"""
