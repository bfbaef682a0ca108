"""Made-up values of the contract's types, for hypothesis: all that the declarations allow."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC
from functools import reduce
from operator import or_
from typing import Any, Final

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as kinds

_TEXT = st.characters(exclude_categories=["Cs"])
"""All of Unicode; half a surrogate pair is no text."""


def values_of(declared: Any) -> st.SearchStrategy[Any]:
    """Values of a type, by the declaration that decoder and documents are made of."""
    return _of(kinds.type_info(declared))


def _of(kind: kinds.Type) -> st.SearchStrategy[Any]:
    maker = _MAKERS.get(type(kind))
    if maker is None:
        raise NotImplementedError(f"{kind}: the contract has no such type yet")
    return maker(kind)


def _unions(kind: kinds.UnionType) -> st.SearchStrategy[Any]:
    return reduce(or_, [_of(one) for one in kind.types])


def _integers(kind: kinds.IntType) -> st.SearchStrategy[int]:
    low = -(2**53) if kind.ge is None else kind.ge
    return st.integers(low, 2**53 if kind.le is None else kind.le)


def _floats(kind: kinds.FloatType) -> st.SearchStrategy[float]:
    return st.floats(kind.ge, kind.le, allow_nan=False, allow_infinity=False)


def _texts(kind: kinds.StrType) -> st.SearchStrategy[str]:
    low, high = kind.min_length or 0, kind.max_length
    if kind.pattern is None:
        return st.text(_TEXT, min_size=low, max_size=high or 40)
    pattern = re.compile(kind.pattern)
    made = st.from_regex(pattern, alphabet=_TEXT)
    # `$` in a pattern lets a line end stand behind it; the bound of the length does not.
    return made.filter(lambda text: low <= len(text) <= (high or len(text)) and bool(pattern.search(text)))


def _structs(kind: kinds.StructType) -> st.SearchStrategy[Any]:
    required = {field.name: _of(field.type) for field in kind.fields if field.required}
    optional = {field.name: _of(field.type) for field in kind.fields if not field.required}
    values = st.fixed_dictionaries(required, optional=optional)
    return values.map(lambda fields: kind.cls(**fields)).filter(_is_valid)


def _is_valid(value: Any) -> bool:
    """Whether it is one that its own decoder takes; making a Struct checks nothing."""
    try:
        msgspec.json.decode(msgspec.json.encode(value), type=type(value))
    except msgspec.ValidationError:
        return False
    return True


_MAKERS: Final[dict[type[kinds.Type], Callable[[Any], st.SearchStrategy[Any]]]] = {
    kinds.Metadata: lambda kind: _of(kind.type),
    kinds.UnionType: _unions,
    kinds.StructType: _structs,
    kinds.StrType: _texts,
    kinds.IntType: _integers,
    kinds.FloatType: _floats,
    kinds.DateTimeType: lambda _: st.datetimes(timezones=st.just(UTC)).map(
        lambda time: time.replace(microsecond=0)
    ),
    kinds.ListType: lambda kind: st.lists(_of(kind.item_type), max_size=3),
    kinds.EnumType: lambda kind: st.sampled_from(list(kind.cls)),
    kinds.LiteralType: lambda kind: st.sampled_from(kind.values),
    kinds.BoolType: lambda _: st.booleans(),
    kinds.NoneType: lambda _: st.none(),
}
