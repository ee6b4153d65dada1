"""The columns that a query gives, as far as they are known."""

from __future__ import annotations

from sqlglot import exp

from gateway.plan.analyse.sources import Output, SelectBlock
from gateway.plan.analyse.terms import Naming, Opaque, term
from gateway.plan.analyse.types import canonical


def outputs_of(block: SelectBlock) -> tuple[Output, ...] | None:
    """Return the output columns of a SELECT; None if their number is not known."""
    made: list[Output] = []
    for item in block.node.expressions:
        if isinstance(item, exp.Star):
            expanded = _star(block, item, None)
        elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
            expanded = _star(block, item.this, item.table.lower())
        elif item.find(exp.Columns) or isinstance(item.unalias(), exp.Explode):
            expanded = None  # as many columns as a pattern matches, or as a struct has fields
        else:
            expanded = [_output(block, item)]
        if expanded is None:
            return None
        made += expanded
    return tuple(made)


def _star(block: SelectBlock, star: exp.Star, qualifier: str | None) -> list[Output] | None:
    if any(star.args.get(key) for key in ("except_", "except", "replace", "rename")):
        return _edited_star(block, star, qualifier)
    named = [source for source in block.sources if not source.hidden and qualifier in (None, source.name)]
    if not named or any(source.columns is None for source in named) or (qualifier and len(named) != 1):
        return None
    if block.murky and qualifier is None:
        return None
    made, seen = [], set()
    for source in named:
        for index, (name, kind) in enumerate(source.columns or ()):
            if qualifier is None and name in block.merged:
                merged = block.merged[name or ""]
                if name not in seen:
                    made.append(Output(name=name, type=merged.type if merged else None, term=merged))
                seen.add(name)
            else:
                made.append(Output(name=name, type=kind, term=source.term(index)))
    return made


def _edited_star(block: SelectBlock, star: exp.Star, qualifier: str | None) -> list[Output] | None:
    """Expand ``* EXCLUDE (…) REPLACE (…) RENAME (…)``: what was replaced is a column without a term."""
    plain = _star(block, exp.Star(), qualifier)
    if plain is None:
        return None
    dropped = {item.name.lower() for item in star.args.get("except_") or star.args.get("except") or ()}
    replaced = {item.alias.lower() for item in star.args.get("replace") or ()}
    names = {item.this.name.lower(): item.alias.lower() for item in star.args.get("rename") or ()}
    made = []
    for output in plain:
        if output.name in dropped:
            continue
        kept = output.name not in replaced
        made.append(
            Output(
                name=names.get(output.name or "", output.name),
                type=output.type if kept else None,
                term=output.term if kept else None,
            )
        )
    return made


def _output(block: SelectBlock, item: exp.Expr) -> Output:
    name = item.alias.lower() if isinstance(item, exp.Alias) else None
    expression = item.unalias()
    if name is None and isinstance(expression, exp.Column):
        name = expression.name.lower()
    # A lateral alias may be meant where a name is not a column; a column is preferred by DuckDB.
    found = term(expression, Naming(block=block, aliases=False))
    if isinstance(found, Opaque):
        kind = canonical(expression.args["to"].sql(dialect="duckdb")) if isinstance(expression, exp.Cast) else None
        return Output(name=name, type=kind)
    return Output(name=name, type=found.type, term=found)


def united(left: tuple[Output, ...] | None, right: tuple[Output, ...] | None) -> tuple[Output, ...] | None:
    if left is None or right is None or len(left) != len(right):
        return None
    return tuple(
        Output(name=a.name, type=a.type if a.type == b.type else None) for a, b in zip(left, right, strict=True)
    )
