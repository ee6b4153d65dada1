"""Translates a query into Spark's SQL, or says what keeps it from that.

The text is checked construct by construct (``allowed``), its names are resolved, and each expression is translated
bottom up by the rule of its construct (``rules``). What a rule does not know is refused: the parser of another project
would rather write something than nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope

from gateway.catalog.sql_type import SqlType
from gateway.errors import TemplateInvalid
from gateway.model import Column, TypedValue, Value
from gateway.plan.analysis.prepare import parsed
from gateway.plan.analysis.structure import scans_in
from gateway.plan.analysis.text import Text, read
from gateway.plan.spark.allowed import refusals, start_of, written
from gateway.plan.spark.kinds import Kind, kind_of, spark_type, together
from gateway.plan.spark.means import without_means
from gateway.plan.spark.names import Names, is_order, note_names
from gateway.plan.spark.operands import cast
from gateway.plan.spark.portability import NotPortable, Unportable, refused
from gateway.plan.spark.rollups import with_totals
from gateway.plan.spark.rules import RULES
from gateway.plan.spark.values import spark_value

VIEW: Final = "gateway_scan_{}"
"""The name of what a scan reads, by its place in the text."""
_LIST: Final = "gateway_list"
"""In the metadata of a node: the parameter whose list it is."""
_AROUND = (exp.Order, exp.Ordered, exp.Where, exp.WindowSpec)
_NO_VALUES = (exp.DataType, exp.Identifier, exp.Var, exp.Star, exp.TableAlias)
_SETS = (exp.Union, exp.Intersect, exp.Except)


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkQuery:
    """A query in Spark's SQL, over one view for each scan; values are bound to ``:name``."""

    tree: exp.Expr
    scans: tuple[str, ...]
    """The tables of its scans, in text order."""
    columns: tuple[frozenset[str], ...]
    """The columns that each of them has to read, in lower case."""

    def bind(self, parameters: Mapping[str, TypedValue], views: Sequence[str]) -> tuple[str, Mapping[str, str | None]]:
        """Return the text over *views*, one for each scan, and what is bound to its parameters.

        That are texts, which it casts, and None for NULL. Raises ``NotPortable`` where a value cannot be bound.
        """
        given = {name.lower(): typed.value for name, typed in parameters.items()}
        tree, bound = self.tree.copy(), dict[str, str | None]()
        named = {VIEW.format(number): view for number, view in enumerate(views)}
        for table in tree.find_all(exp.Table):
            if table.name in named:
                table.set("this", exp.to_identifier(named[table.name]))
        for node in list(tree.find_all(exp.In, exp.Is)):
            if _LIST in node.meta:
                node.replace(_with_list(node, given[node.meta[_LIST]], bound))
        for placeholder in tree.find_all(exp.Placeholder):
            name = str(placeholder.this).lower()
            if name not in bound:
                bound[name] = spark_value(given[name])
        return written_in_spark(tree), bound

    @property
    def sql(self) -> str:
        """The text before lists are written out: the same for two templates that Spark is asked alike."""
        return written_in_spark(self.tree)


def written_in_spark(tree: exp.Expr) -> str:
    """Write a tree in Spark's dialect."""
    return tree.sql(dialect="spark", identify=True, copy=True)


def translate(sql: str, tables: Mapping[str, Sequence[Column]], parameters: Mapping[str, str]) -> SparkQuery:
    """Translate *sql* over *tables*, with *parameters* of those types of DuckDB. Raises ``NotPortable``."""
    known = {name.lower(): columns for name, columns in tables.items()}
    text = read(sql, {column.name.lower() for columns in known.values() for column in columns})
    if text.clocks:
        clock = text.clocks[0]
        hint = "a parameter with a default such as -1d"
        raise NotPortable([Unportable(reason="it reads the clock", start=clock.start, instead=hint)])
    try:
        tree = parsed(text)
    except TemplateInvalid as error:
        raise refused("it cannot be read") from error
    found = [replace(each, start=_place(text, each.start)) for each in refusals(tree)]
    if found:
        raise NotPortable(found)
    try:
        return _Translation(tree, known, parameters, text).query()
    except (SqlglotError, RecursionError) as error:
        raise refused("its names cannot be resolved") from error


def _hidden(column: exp.Column, text: Text) -> Unportable:
    reason = f"the name {column.name} is that of a column and of a value that is computed"
    return Unportable(reason=reason, start=_place(text, start_of(column)), instead="another name for the value")


def _place(text: Text, start: int | None) -> int | None:
    return None if start is None else text.position(start)


class _Translation:
    """One translation; ``_kinds`` has what is known of expressions, by their identity."""

    def __init__(
        self, tree: exp.Expr, tables: Mapping[str, Sequence[Column]], parameters: Mapping[str, str], text: Text
    ) -> None:
        self._text = text
        self._types = {name.lower(): type_ for name, type_ in parameters.items()}
        scans = scans_in(tree, tables)
        self._tables = tuple(node.name.lower() for node in scans)
        self._schema = {VIEW.format(number): tables[name] for number, name in enumerate(self._tables)}
        note_names(tree)
        for paren in list(tree.find_all(exp.Paren)):
            if isinstance(paren.this, exp.Column):  # which would not be known for the same column in ORDER BY
                paren.replace(paren.this)
        for number, node in enumerate(scans):
            alias = node.alias or node.name
            node.set("this", exp.to_identifier(VIEW.format(number)))
            if not node.args.get("alias"):
                node.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
        without_means(tree)
        self._place_parameters(tree)
        schema: dict[str, object] = {
            view: {each.name: each.type for each in columns} for view, columns in self._schema.items()
        }
        self._tree = qualify(
            tree,
            schema=schema,
            dialect="duckdb",
            expand_alias_refs=False,
            validate_qualify_columns=False,
            quote_identifiers=False,
        )
        self._kinds: dict[int, tuple[exp.Expr, Kind]] = {}
        self._names = Names(self._tree, self._schema)
        self._refused = [_hidden(column, text) for column in self._names.hiding()]
        if not self._refused and with_totals(self._names):
            self._names = Names(self._tree, self._schema)
        self._used: dict[str, set[str]] = {}

    def query(self) -> SparkQuery:
        """Translate every expression. Raises ``NotPortable``."""
        for scope in list(self._names.scopes.values()):
            for expression, condition in _expressions(scope.expression):
                self._translated(expression, condition)
            if isinstance(scope.expression, _SETS):
                self._alike(scope)
            if not self._refused:
                self._keyed(scope.expression)
        if self._refused:
            raise NotPortable(list(dict.fromkeys(self._refused)))
        columns = tuple(frozenset(self._used.get(view, ())) for view in self._schema)
        return SparkQuery(tree=self._tree, scans=self._tables, columns=columns)

    def _translated(self, expression: exp.Expr, condition: bool) -> None:
        try:
            found = self._kind(expression)
            if condition and found not in (Kind.BOOLEAN, Kind.NULL):
                raise self._at(expression, refused(f"it has {found} as a condition", "a comparison"))
            if found in (Kind.OTHER, Kind.INTERVAL):
                raise self._at(expression, refused(f"it answers with {found}"))
        except NotPortable as error:
            self._refused += error.found

    def _alike(self, scope: Scope) -> None:
        """Refuse a set operation whose columns the engines would convert differently."""
        left, right = (self._outputs(side) for side in (scope.expression.this, scope.expression.expression))
        if len(left) != len(right) or any(together(pair) is None for pair in zip(left, right, strict=True)):
            self._refused.append(Unportable(reason=f"it has {written(scope.expression)} of columns of different types"))

    def _keyed(self, block: exp.Expr) -> None:
        """Refuse rows that are told apart by a DOUBLE: 0.0 and -0.0 are one, and the engines answer with either."""
        keys = list[Kind]()
        if not isinstance(block, _SETS):
            keys = [
                self._kind(each) for each in (*_keys(block), *(block.expressions if block.args.get("distinct") else ()))
            ]
        elif block.args.get("distinct") or not isinstance(block, exp.Union):
            keys = self._outputs(block)
        if Kind.DOUBLE in keys:
            self._refused.append(Unportable(reason="it tells rows apart by a DOUBLE, whose zeros have a sign"))

    def _at(self, node: exp.Expr, error: NotPortable) -> NotPortable:
        start = _place(self._text, start_of(node))
        return NotPortable([each if each.start is not None else replace(each, start=start) for each in error.found])

    def _kind(self, node: exp.Expr) -> Kind:
        """Return the kind of an expression; it and what it is made of are translated when it is asked for first."""
        known = self._kinds.get(id(node))
        if known is not None:
            return known[1]
        if isinstance(node, exp.Subquery | exp.Select | exp.Union | exp.Intersect | exp.Except):
            return self._known(node, self._outputs(node)[0])
        if isinstance(node, exp.Column):
            return self._known(node, self._column(node))
        self._inside(node)
        rule = RULES.get(type(node))
        if rule is None:
            raise self._at(node, refused(f"it has {written(node)}"))
        parent, key, index = node.parent, node.arg_key, node.index
        try:
            found = rule(node, self._kind)
        except NotPortable as error:
            raise self._at(node, error) from None
        if parent is not None and key is not None:
            place = parent.args[key]
            self._known(place if index is None else place[index], found)
        return self._known(node, found)

    def _known(self, node: exp.Expr, kind: Kind) -> Kind:
        self._kinds[id(node)] = (node, kind)  # with the node, so that its identity is not given to another one
        return kind

    def _inside(self, node: exp.Expr) -> None:
        for child in list(node.iter_expressions()):
            if isinstance(child, (*_NO_VALUES, exp.Query)):
                continue
            if isinstance(child, _AROUND) or (isinstance(child, exp.If) and isinstance(node, exp.Case)):
                self._inside(child)
            elif not (isinstance(child, exp.Var) or (isinstance(node, exp.Interval))):
                self._kind(child)

    def _outputs(self, node: exp.Expr) -> list[Kind]:
        """Return the kinds of the columns of a query."""
        node = node.unnest() if isinstance(node, exp.Subquery) else node
        if isinstance(node, _SETS):
            pairs = zip(self._outputs(node.this), self._outputs(node.expression), strict=False)
            return [together(pair) or Kind.OTHER for pair in pairs]
        assert isinstance(node, exp.Query)
        return [self._kind(each) for each in node.selects]

    def _column(self, node: exp.Column) -> Kind:
        scope = self._names.scope_of(node)
        if not node.table:
            return self._unqualified(node, scope)
        while scope is not None:
            if node.table in scope.sources:
                return self._usable(node, self._of_source(scope.sources[node.table], node.name.lower()))
            scope = scope.parent
        return self._usable(node, None)

    def _of_source(self, source: object, name: str) -> Kind | None:
        """Return the kind of a column of what a block reads; None: it has no such column."""
        if isinstance(source, exp.Table):
            types = {column.name.lower(): column.type for column in self._schema.get(source.name, ())}
            if name not in types:
                return None
            self._used.setdefault(source.name, set()).add(name)
            return kind_of(types[name])
        if isinstance(source, Scope) and isinstance(source.expression, exp.Query):
            names = [each.lower() for each in source.expression.named_selects]
            return self._outputs(source.expression)[names.index(name)] if name in names else None
        return None

    def _usable(self, node: exp.Column, kind: Kind | None) -> Kind:
        if kind is None:
            raise self._at(node, refused(f"it is not clear which column {node.name} is"))
        if kind is Kind.OTHER:
            raise self._at(node, refused(f"Spark has no type for the column {node.name} with the same values"))
        return kind

    def _unqualified(self, node: exp.Column, scope: Scope | None) -> Kind:
        """Return the kind of a column that is named alone, in a clause where an output may be meant too."""
        name, query = node.name.lower(), node.find_ancestor(exp.Select, *_SETS)
        sources = [] if scope is None else self._names.sources(scope)
        found = [kind for kind in (self._of_source(source, name) for source in sources) if kind is not None]
        if query is not None and (not found or is_order(node)):
            named = zip(query.named_selects, self._outputs(query), strict=True)
            found = [kind for output, kind in named if output.lower() == name] or found
        return self._usable(node, found[0] if len(found) == 1 else None)

    def _place_parameters(self, tree: exp.Expr) -> None:
        """Give parameters their types, and lists their places."""
        for node in list(tree.find_all(exp.Placeholder)):
            name, parent = str(node.this).lower(), node.parent
            parsed_type = SqlType.parse(self._types.get(name, "NULL")) if name in self._types else None
            if parsed_type is None:
                raise self._at(node, refused(f"the type of ${name} is not known"))
            type_ = str(parsed_type)
            element = spark_type(type_.removesuffix("[]"))
            if element is None:
                raise self._at(node, refused(f"${name} is a {type_}"))
            if not type_.endswith("[]"):
                node.replace(cast(exp.Placeholder(this=name), element))
            elif isinstance(parent, exp.In) and node.arg_key == "field":
                parent.set("field", None)
                parent.set("expressions", [cast(exp.Placeholder(this=name), element)])
                parent.meta[_LIST] = name
            elif isinstance(parent, exp.Is) and isinstance(parent.expression, exp.Null) and node.arg_key == "this":
                node.replace(exp.null())
                parent.meta[_LIST] = name
            else:
                raise self._at(node, refused(f"it uses the list ${name} in another way than IN ${name}"))


def _expressions(node: exp.Expr) -> Iterator[tuple[exp.Expr, bool]]:
    """Yield the expressions of one block, and whether each is a condition."""
    if isinstance(node, exp.Select):
        yield from ((each, False) for each in node.expressions)
        for join in node.args.get("joins") or ():
            if join.args.get("on") is not None:
                yield join.args["on"], True
        for clause in ("where", "having"):
            if node.args.get(clause) is not None:
                yield node.args[clause].this, True
        if node.args.get("group") is not None:
            yield from ((each, False) for each in _keys(node))
    if node.args.get("order") is not None:
        yield from ((each.this, False) for each in node.args["order"].expressions)


def _keys(block: exp.Expr) -> list[exp.Expr]:
    """List what a block groups by."""
    group = block.args.get("group")
    keys: list[exp.Expr] = [] if group is None else group.expressions
    return keys[0].expressions if keys and isinstance(keys[0], exp.Rollup) else keys


def _with_list(node: exp.Expr, values: Value, bound: dict[str, str | None]) -> exp.Expr:
    """Write a list out: members that are NULL are not compared, as in DuckDB."""
    name = node.meta[_LIST]
    if isinstance(node, exp.Is):
        return exp.Boolean(this=values is None)
    if values is None:
        return exp.null()
    assert isinstance(values, list)
    type_ = node.expressions[0].args["to"]
    members = [each for each in values if each is not None]
    if not members:
        return exp.paren(exp.And(this=exp.Is(this=node.this.copy(), expression=exp.null()), expression=exp.null()))
    names = [f"gateway_{name}_{number}" for number in range(len(members))]
    bound.update(zip(names, map(spark_value, members), strict=True))
    listed = [exp.Cast(this=exp.Placeholder(this=each), to=type_.copy()) for each in names]
    return exp.In(this=node.this.copy(), expressions=listed)
