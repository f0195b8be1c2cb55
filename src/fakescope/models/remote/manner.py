"""How one server wants to be asked, found out by trying it on a grey picture.

Servers differ in whether they go on with an answer that is begun, in what a limit is called, in how many
log-probabilities they give, and in whether an answer can be bound to words. What is found out is kept: all images are
asked in one way, or their scores could not be compared.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fakescope.errors import ModelError
from fakescope.models.remote.options import Begin
from fakescope.models.remote.wire import LEAST_NATS, Place, RefusedError, Server, Top
from fakescope.models.remote.words import Match, bare, begins, continues, logprob_of
from fakescope.records import JsonObject

ENOUGH_MASS = 0.02
"""Least probability on the label words from which an answer counts as gone on with."""

SAME_NATS = 0.05
"""Within this the log-odds of two words are the same, bound to them or not."""

CONTINUING: tuple[JsonObject, ...] = ({"continue_final_message": True, "add_generation_prompt": False}, {})
"""vLLM and SGLang want to be told; llama.cpp, Ollama and `fakescope serve` go on by themselves."""

REFUSING = (400, 422, 500, 501)
"""What servers say to a field that they do not know; some fall over it."""

WHOLE_MASS = 0.99
"""From which words that an answer is bound to have all of the probability."""

Bind = Callable[[Sequence[str]], JsonObject]
BINDS: dict[str, Bind] = {
    "structured_outputs": lambda texts: {"structured_outputs": {"choice": list(texts)}},
    "grammar": lambda texts: {"grammar": "root ::= " + " | ".join(map(json.dumps, texts))},
    "regex": lambda texts: {"regex": "|".join(map(re.escape, texts))},
}
"""How an answer is bound to some texts: by vLLM and `fakescope serve`, by llama.cpp, by SGLang."""


@dataclass(frozen=True)
class Manner:
    """What a server understands.

    Attributes:
        flags: What makes it go on with an answer; None when it is asked for one word instead.
        match: Which tokens say a word there.
        bind: Name of the way in which an answer is bound to the label words, in `BINDS`; None when there is none.
        whole: Whether a bound answer tells what words have of the whole vocabulary for certain.
        length: What the longest answer is called.
        sampling: Whether it takes `temperature`.
        top: Log-probabilities asked for at a place.
    """

    flags: JsonObject | None = None
    match: Match = begins
    bind: str | None = None
    whole: bool = False
    length: str = "max_tokens"
    sampling: bool = True
    top: int = 20

    @property
    def begin(self) -> str:
        """In words, as in `RemoteOptions`."""
        return "ask" if self.flags is None else "continue"


OWN = Manner(flags={}, match=continues, bind="structured_outputs", whole=True)
"""Of `fakescope serve`."""


def limits(manner: Manner, tokens: int) -> JsonObject:
    """The part of a request that says how long and how."""
    return {manner.length: tokens} | ({"temperature": 0} if manner.sampling else {})


def first_place(server: Server, body: JsonObject, manner: Manner) -> tuple[Place, Manner]:
    """The first token of an answer, and the manner with what the server refused left out.

    Raises:
        ModelError: The server gives no log-probabilities, or refuses all the same.
    """
    while True:
        asked = {"logprobs": True, "top_logprobs": manner.top}
        try:
            places = server.complete(body | limits(manner, 1) | asked).places
        except RefusedError as error:
            plainer = _plainer(manner, error)
            if plainer is None:
                raise
            manner = plainer
            continue
        if not places or not (places[0].top_logprobs or places[0].token):
            raise ModelError(
                f"{server.url} gives no log-probabilities of tokens",
                "a server or a model that does is needed",
            )
        return places[0], manner


def likeliest(place: Place) -> list[Top]:
    """All tokens that are told of a place, the one that was said among them."""
    told = [Top(token=t.token, logprob=t.logprob) for t in place.top_logprobs]
    if all(t.token != place.token for t in told):
        told.append(Top(token=place.token, logprob=place.logprob))
    return told


def find_manner(
    server: Server,
    begun: Callable[[JsonObject], JsonObject],
    asked: JsonObject,
    words: Sequence[str],
    wanted: Begin,
    top: int,
) -> Manner:
    """Try a server.

    Args:
        server: It.
        begun: A request whose answer is begun, with given flags.
        asked: A request for one word.
        words: The label words.
        wanted: What the user says of it.
        top: Log-probabilities to ask for.

    Raises:
        ModelError: It gives no log-probabilities, or the user's word does not hold.
    """
    start = Manner(top=top)
    found = None if wanted == "ask" else _continuing(server, begun, words, start)
    if wanted == "continue" and found is None:
        raise ModelError(f"{server.url} does not go on with an answer that is begun", "leave `begin` out")
    if found is not None and (wanted == "continue" or found[1] >= ENOUGH_MASS):
        return _with_bind(server, begun(found[0].flags or {}), words, found[0])
    place, plain = first_place(server, asked, start)
    mass = _mass(likeliest(place), words, begins)
    if found is not None and found[1] >= mass:
        return _with_bind(server, begun(found[0].flags or {}), words, found[0])
    return plain


def _continuing(
    server: Server, begun: Callable[[JsonObject], JsonObject], words: Sequence[str], start: Manner
) -> tuple[Manner, float] | None:
    """The first way by which an answer is gone on with, else the best, and the probability on the label words."""
    tried: list[tuple[Manner, float]] = []
    for flags in CONTINUING:
        try:
            place, manner = first_place(server, begun(flags), start)
        except RefusedError as error:
            if error.status not in REFUSING:
                raise
            continue
        told = likeliest(place)
        match = max((continues, bare), key=lambda m: _mass(told, words, m))
        tried.append((replace(manner, flags=flags, match=match), _mass(told, words, match)))
        if tried[-1][1] >= ENOUGH_MASS:
            return tried[-1]
    return max(tried, key=lambda pair: pair[1], default=None)


def _with_bind(server: Server, body: JsonObject, words: Sequence[str], manner: Manner) -> Manner:
    """The manner with the way to bind an answer, if the server has one."""
    place, _ = first_place(server, body, manner)
    for name in BINDS:
        trial = replace(manner, bind=name)
        try:
            among = _among(server, body, words, trial)
            known = _told(likeliest(place), words, trial)
            if among and (not known or _agrees(among, known)):  # with none known there is nothing to hold it against
                return trial
        except ModelError:  # whatever goes wrong in this way, the unbound one works
            continue
    return manner


def bound(
    server: Server, body: JsonObject, words: Sequence[str], told: Sequence[Top], manner: Manner
) -> dict[str, float]:
    """Log-probabilities of all label words, from an answer that is bound to them.

    Some servers tell then what the words have of the whole vocabulary, others what they have of each other. Their
    log-odds are the same in both, so one word that is known unbound gives all the others.

    Args:
        server: It.
        body: The request.
        words: The label words, without blanks.
        told: What it gave unbound.
        manner: With a way to bind; without one there is nothing to ask.

    Returns:
        Word -> log-probability; empty where no word is known unbound, or where the server does not do as it was told.
    """
    anchors = _told(told, words, manner)
    if manner.bind is None or not (anchors or manner.whole):
        return {}
    among = _among(server, body, words, manner)
    if manner.whole:
        return among
    if not among or not _agrees(among, anchors):
        return {}
    anchor = max(anchors, key=lambda word: anchors[word])
    found = {word: anchors[anchor] + value - among[anchor] for word, value in among.items()}
    return found if all(value <= 0 for value in found.values()) else {}


def _told(told: Sequence[Top], words: Sequence[str], manner: Manner) -> dict[str, float]:
    """Of the words those that are there."""
    found = {word: logprob_of(told, word, manner.match) for word in words}
    return {word: value for word, value in found.items() if value is not None}


def _among(server: Server, body: JsonObject, words: Sequence[str], manner: Manner) -> dict[str, float]:
    """What an answer that is bound to the words tells of them; empty unless it tells of all."""
    assert manner.bind is not None
    texts = [word if manner.match is bare else f" {word}" for word in words]
    wider = replace(manner, top=max(manner.top, len(words)))
    place, _ = first_place(server, body | BINDS[manner.bind](texts), wider)
    found = _told(likeliest(place), words, manner)
    # A word without any chance means that the server tells its choice, not probabilities.
    return found if len(found) == len(words) and min(found.values()) > LEAST_NATS / 2 else {}


def _agrees(among: dict[str, float], anchors: dict[str, float]) -> bool:
    """Whether log-odds are the same, bound and unbound.

    One word alone has no odds: then it must have the same probability in both, or the bound words must have all of it.
    """
    shifts = [value - among[word] for word, value in anchors.items()]
    if len(shifts) > 1:
        return max(shifts) - min(shifts) <= SAME_NATS
    return abs(shifts[0]) <= SAME_NATS or sum(map(math.exp, among.values())) >= WHOLE_MASS


def _mass(told: Sequence[Top], words: Sequence[str], match: Match) -> float:
    found = [logprob_of(told, word, match) for word in words]
    return sum(math.exp(logprob) for logprob in found if logprob is not None)


def _plainer(manner: Manner, error: RefusedError) -> Manner | None:
    """What to try after a refusal that names what the server does not know."""
    if error.status not in (400, 422):
        return None
    said = error.said
    if "max_completion_tokens" in said and manner.length == "max_tokens":
        return replace(manner, length="max_completion_tokens")
    if "temperature" in said and manner.sampling:
        return replace(manner, sampling=False)
    if "logprobs" in said and manner.top > 1:
        return replace(manner, top=_fewer(manner.top, said))
    return None


def _fewer(top: int, said: str) -> int:
    """How many log-probabilities to ask for after a refusal: the largest smaller number that it names, else half."""
    named = [int(number) for number in re.findall(r"(?<![\d.])\d{1,4}(?![\d.]*\d)", said)]
    return max((number for number in named if 1 <= number < top), default=top // 2)
