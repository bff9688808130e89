"""
The expected noes of the shop, two levels deep: Refusal, and one class per kind of no.

    Refusal
    ├── Malformed          400  the request cannot be read
    ├── SignInNeeded       401
    ├── NotAllowed         403
    ├── NotFound           404
    ├── Stalled            408  the rest of the request did not come
    ├── Conflict           409  the attempt's name was used for something else, or the state forbids it
    ├── TooLarge           413
    ├── WrongContentType   415
    ├── Invalid            422  readable, but a field says what cannot be
    ├── TooMany            429
    └── Unavailable        503  not now; try again

Anything else that is raised is a fault: logged with its facts, answered as 500, never dressed as a refusal.
"""

from collections.abc import Mapping, Sequence

import msgspec


class FieldProblem(msgspec.Struct, frozen=True):
    """What is wrong with one field of what was sent."""

    field: str  # dotted path as the client named it: "line_items.0.quantity"
    problem: str  # a sentence for people: "Must be a whole number from 1 to 999."


class Refusal(Exception):
    """
    An expected no.

    Args:
        code: Stable, for programs: "out_of_stock".

        sentence: For the buyer, plain words: what happened and what to do.

        fields: What is wrong, field by field, where a form or body was sent.

        facts: Anything a program may want, JSON-able.

        retry_after_seconds: When asking again makes sense.

        challenge: How a program proves who it is here, where that is what was wrong (WWW-Authenticate).
    """

    status = 400

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        fields: Sequence[FieldProblem] = (),
        facts: Mapping[str, object] | None = None,
        retry_after_seconds: int | None = None,
        challenge: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
        self.fields = tuple(fields)
        self.facts = dict(facts or {})
        self.retry_after_seconds = retry_after_seconds
        self.challenge = challenge


class Malformed(Refusal):
    status = 400


class SignInNeeded(Refusal):
    status = 401


class NotAllowed(Refusal):
    status = 403


class NotFound(Refusal):
    status = 404


class Stalled(Refusal):
    status = 408


class Conflict(Refusal):
    status = 409


class TooLarge(Refusal):
    status = 413


class WrongContentType(Refusal):
    status = 415


class Invalid(Refusal):
    status = 422


class TooMany(Refusal):
    status = 429


class Unavailable(Refusal):
    status = 503
