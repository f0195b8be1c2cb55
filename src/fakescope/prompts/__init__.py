"""Every question the system asks.

`paper` holds the literal prompts of FakeScope and FakeBench, `product` the fixed ones that examinations and
reports rely on, `wordings` the many ways in which people ask the same things.
"""

from fakescope.prompts.paper import (
    ANALYSE_PROMPT,
    AUTHENTICITY_ANSWER,
    AUTHENTICITY_QUESTION,
    FAKEBENCH_CLASS_QUESTIONS,
    WHY_FAKE_PROMPT,
    fakeqa_question,
)
from fakescope.prompts.product import (
    DESCRIBE_PROMPT,
    LIMITS_PROMPT,
    NEXT_PROMPT,
    SHOW_PROMPT,
    STRENGTH_PROMPT,
    TRACE_TAGS,
    authenticity_answer,
    description_prefix,
    given_trace_question,
    prompt_hash,
    trace_question,
)

__all__ = [
    "ANALYSE_PROMPT",
    "AUTHENTICITY_ANSWER",
    "AUTHENTICITY_QUESTION",
    "DESCRIBE_PROMPT",
    "FAKEBENCH_CLASS_QUESTIONS",
    "LIMITS_PROMPT",
    "NEXT_PROMPT",
    "SHOW_PROMPT",
    "STRENGTH_PROMPT",
    "TRACE_TAGS",
    "WHY_FAKE_PROMPT",
    "authenticity_answer",
    "description_prefix",
    "fakeqa_question",
    "given_trace_question",
    "prompt_hash",
    "trace_question",
]
