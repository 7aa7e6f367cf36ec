"""Map a published checkpoint's names to ours: a table that is complete or an error, never a skipped key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from echosearch.errors import BundleError

__all__ = ["Rule", "as_it_is", "bert_rules", "convert", "join"]

LISTED = 12  # names in one message


@dataclass(frozen=True)
class Rule:
    """One stored tensor is made from one or more published ones."""

    stored: str
    published: tuple[str, ...]
    make: Callable[..., Tensor]


def as_it_is(stored: str, published: str, *parts: str) -> list[Rule]:
    """Return rules that make ``stored.weight`` of ``published.weight``, and so on for each part."""
    return [Rule(f"{stored}.{part}", (f"{published}.{part}",), torch.clone) for part in parts or ("weight", "bias")]


def join(*tensors: Tensor) -> Tensor:
    """Join query, key and value of one shape below each other: (3 * width, ...)."""
    return torch.stack(tensors).flatten(0, 1)


def bert_rules(stored: str, published: str, depth: int) -> list[Rule]:
    """Return rules from transformers' BERT names to a text tower's stored names."""
    rules = [
        *as_it_is(f"{stored}.words", f"{published}.embeddings.word_embeddings", "weight"),
        *as_it_is(f"{stored}.positions", f"{published}.embeddings.position_embeddings", "weight"),
        *as_it_is(f"{stored}.types", f"{published}.embeddings.token_type_embeddings", "weight"),
        *as_it_is(f"{stored}.norm", f"{published}.embeddings.LayerNorm"),
    ]
    for i in range(depth):
        ours, theirs = f"{stored}.layers.{i}", f"{published}.encoder.layer.{i}"
        rules += as_it_is(f"{ours}.query", f"{theirs}.attention.self.query")
        rules += as_it_is(f"{ours}.key", f"{theirs}.attention.self.key")
        rules += as_it_is(f"{ours}.value", f"{theirs}.attention.self.value")
        rules += as_it_is(f"{ours}.attention_out", f"{theirs}.attention.output.dense")
        rules += as_it_is(f"{ours}.attention_norm", f"{theirs}.attention.output.LayerNorm")
        rules += as_it_is(f"{ours}.mlp_in", f"{theirs}.intermediate.dense")
        rules += as_it_is(f"{ours}.mlp_out", f"{theirs}.output.dense")
        rules += as_it_is(f"{ours}.mlp_norm", f"{theirs}.output.LayerNorm")
    return rules


def convert(
    what: str,
    state: Mapping[str, Tensor],
    rules: Sequence[Rule],
    shapes: Mapping[str, torch.Size],
    unused: Sequence[str] = (),
) -> dict[str, Tensor]:
    """Return stored weights, float32. ``shapes`` are the model's, by stored name; ``unused`` are names, or beginnings
    ending in ".", that the model's vectors do not need.

    Raises BundleError that lists the missing and the unexpected keys, or names a tensor of a wrong shape or type.
    """
    wanted = {name for rule in rules for name in rule.published}
    missing = sorted(wanted - state.keys())
    starts = tuple(start for start in unused if start.endswith("."))
    unexpected = sorted(
        name for name in state.keys() - wanted if name not in unused and not (starts and name.startswith(starts))
    )
    if missing or unexpected:
        raise BundleError(
            f"{what}: this is not the checkpoint that its name says: missing keys: {_listed(missing)}; "
            f"unexpected keys: {_listed(unexpected)}"
        )
    return {rule.stored: _made(what, state, rule, shapes.get(rule.stored)) for rule in rules}


def _made(what: str, state: Mapping[str, Tensor], rule: Rule, shape: torch.Size | None) -> Tensor:
    given = {name: state[name] for name in rule.published}
    for name, tensor in given.items():
        if not tensor.is_floating_point():
            raise BundleError(f"{what}: {name} is {tensor.dtype}: weights are floating-point numbers")
    try:
        made = rule.make(*(tensor.float() for tensor in given.values())).contiguous()
    except (RuntimeError, IndexError, ValueError, TypeError):  # a reshape of something of another shape
        made = None
    if made is None or (shape is not None and made.shape != shape):
        listed = ", ".join(f"{name} is {tuple(tensor.shape)}" for name, tensor in given.items())
        fits = f"; it should make {tuple(shape)}" if shape is not None else ""
        raise BundleError(f"{what}: {listed}: another shape than this architecture's{fits}")
    return made


def _listed(names: list[str]) -> str:
    if not names:
        return "none"
    return ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
