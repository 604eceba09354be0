"""The checker that jaxtyping's hook puts on every annotated function: beartype, with an int accepted where a float is meant (PEP 484)."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
