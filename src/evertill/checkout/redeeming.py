"""Which of a checkout's codes counts, what it takes off each line, and what is said of the others. Pure."""

from collections.abc import Sequence

import msgspec

from evertill.checkout.model import House, Line, Remark, Severity
from evertill.codes import Code, Kind, Rules, Taken, Why, folded, take_off
from evertill.money import format_money

_SENTENCES = {
    Why.UNKNOWN: "There is no code {code}. Is it spelt right?",
    Why.NOT_YET: "The code {code} cannot be used yet.",
    Why.OVER: "The code {code} is over.",
    Why.USED_UP: "The code {code} is used up.",
    Why.YOURS_USED: "You have used the code {code} as often as one may.",
    Why.NOBODY: "The code {code} is counted for each customer: an e-mail address is needed first.",
    Why.BELOW_MINIMUM: "The code {code} is for goods of {minimum} or more.",
    Why.APPLIES_TO_NOTHING: "The code {code} takes nothing off these goods: their deals cannot be combined with codes.",
    Why.ONE_ONLY: "One code for each order: {code} was left out.",
    Why.TWICE: "The code {code} counts once.",
}


class Redeemed(msgspec.Struct, frozen=True):
    """Lines with what a code takes off them."""

    lines: list[Line]
    taken: Taken | None
    remarks: tuple[Remark, ...]


def redeem(codes: Sequence[str], lines: Sequence[Line], rules: Rules | None, house: House) -> Redeemed:
    """
    The first of these codes that holds counts; of every other is said why it does not.

    Args:
        codes: As they were typed.

        rules: None where no code is named.
    """
    goods = [line.good for line in lines]
    plain = [msgspec.structs.replace(line, code_minor=0) if line.code_minor else line for line in lines]
    taken: Taken | None = None
    remarks: list[Remark] = []
    seen: set[str] = set()
    for position, typed in enumerate(codes):
        code = folded(typed)
        assert rules is not None  # they were asked for
        judged = Why.TWICE if code and code in seen else rules.judge(code, goods, house.currency)
        seen.add(code)
        if isinstance(judged, Code) and taken is not None:
            judged = Why.ONE_ONLY
        if isinstance(judged, Code):
            offs = take_off(goods, percent=judged.kind is Kind.PERCENT, value=judged.value)
            taken = Taken(judged.code, judged.kind, judged.value, sum(offs))
            plain = [
                msgspec.structs.replace(line, code_minor=off) if off else line
                for line, off in zip(plain, offs, strict=True)
            ]
        elif lines:  # of nothing there is nothing to be taken off, and that is said already
            minimum = rules.codes[code].subtotal_min_minor if judged is Why.BELOW_MINIMUM else 0
            said = _SENTENCES[judged].format(
                code=typed.strip(), minimum=format_money(minimum, house.currency, house.locale)
            )
            remarks.append(Remark(Severity.WARNING, judged.value, said, f"codes.{position}"))
    return Redeemed(plain, taken, tuple(remarks))
