"""Options of a verb: a dataclass, filled from a YAML file and from flags that override it."""

import argparse
import ast
import dataclasses
import inspect
import textwrap
import types
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar, Union, get_args, get_origin

import pydantic
import yaml

from dsae.commands.errors import UsageError

Options = TypeVar("Options")
PAIRS = {"settings": "--set", "env": "--env"}
"""Fields that hold keys and values, with the flags that give them as KEY=VALUE."""
Seed = Annotated[int, pydantic.Field(ge=0, lt=2**32)]
"""What every source of random numbers takes."""


def argument(default: Any = dataclasses.MISSING) -> Any:
    """Declare a field that is given by place rather than as a flag."""
    return dataclasses.field(default=default, metadata={"positional": True})


def runtime(default: Any) -> Any:
    """Declare a field that changes how a verb runs but not what it makes."""
    return dataclasses.field(default=default, metadata={"runtime": True})


def source(default: str) -> Any:
    """Declare a text that may be the path of what a verb reads; of other texts none is."""
    return dataclasses.field(default=default, metadata={"reads": True})


def product(default: Any) -> Any:
    """Declare a path, beside `out`, that a verb writes; all other paths are read."""
    return dataclasses.field(default=default, metadata={"reads": False})


def parse(kind: type[Options], arguments: list[str], *, verb: str, about: str) -> Options:
    """Return the options that the command line, over `--config FILE.yaml`, describes.

    Raises UsageError for an unknown flag or key, a missing or unfit value.
    """
    parser = _parser(kind, verb, about)
    given = {k: v for k, v in vars(parser.parse_args(arguments)).items() if v is not None}
    config = given.pop("config", None)
    values = _read_yaml(config) if config else {}
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    for key in values:
        if key not in names:
            raise UsageError(f"{config}: unknown key '{key}': the keys are {', '.join(names)}")
    pairs = {name: _pairs(given.pop(name), flag) for name, flag in PAIRS.items() if name in given}
    values.update(given)
    for name in PAIRS:
        if name not in values and name not in pairs:
            continue
        written = values.get(name) or {}  # `settings:` with nothing below is none
        if not isinstance(written, dict):
            raise UsageError(f"{config}: {name} = {written!r}: not keys and values")
        values[name] = {**written, **pairs.get(name, {})}
    return validate(kind, values, where=verb)


def validate(kind: type[Options], values: dict[str, Any], *, where: str) -> Options:
    """Build a dataclass from loosely typed values; UsageError names the first unfit one."""
    try:
        return pydantic.TypeAdapter(kind).validate_python(values)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "options"
        if first["type"] in ("missing", "missing_argument"):
            raise UsageError(f"{where}: {name} is missing (see dsae {where} --help)") from error
        reason = first["msg"].removeprefix("Value error, ")
        if first["type"] == "value_error":  # said by the dataclass itself, which names the field
            raise UsageError(f"{where}: {reason}") from error
        raise UsageError(f"{where}: {name} = {first['input']!r}: {reason}") from error


def override(config: Any, settings: dict[str, Any], *, where: str) -> Any:
    """Return a config dataclass with some fields replaced by values given as text or YAML."""
    names = [field.name for field in dataclasses.fields(config)]
    for key in settings:
        if key not in names:
            raise UsageError(f"{where} has no setting '{key}': it has {', '.join(names)}")
    return validate(type(config), {**dataclasses.asdict(config), **settings}, where=where)


def _parser(kind: Any, verb: str, about: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"dsae {verb}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=None,
    )
    parser.add_argument("--config", metavar="FILE.yaml", help="read options from this file first")
    help_texts = field_docstrings(kind)
    for field in dataclasses.fields(kind):
        text = help_texts.get(field.name, "").replace("%", "%%")
        if field.name in PAIRS:
            flag = PAIRS[field.name]
            parser.add_argument(
                flag, dest=field.name, nargs="+", action="extend", metavar="KEY=VALUE", help=text
            )
        elif field.metadata.get("positional"):
            parser.add_argument(field.name, nargs="?", help=text)
        elif field.type is bool:
            parser.add_argument(
                _flag(field.name), action=argparse.BooleanOptionalAction, default=None, help=text
            )
        else:
            default = ",".join(field.default) if isinstance(field.default, tuple) else field.default
            shown = "" if default in (None, "", dataclasses.MISSING) else f" [{default}]"
            parser.add_argument(_flag(field.name), metavar=_metavar(field.type), help=text + shown)
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        verb = self.prog.removeprefix("dsae ")
        raise UsageError(f"{verb}: {message} (see {self.prog} --help)")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _metavar(annotation: Any) -> str:
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is tuple:
        kind = get_args(annotation)[0]
        return "NAME,NAME" if kind is str else ",".join(2 * [_metavar(kind)])
    if choices := get_args(annotation):
        return "|".join(map(str, choices))
    return str(getattr(annotation, "__name__", "VALUE")).upper()


def field_docstrings(kind: type) -> dict[str, str]:
    """Return the docstring under each field, base classes included."""
    texts: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        assert isinstance(body, ast.ClassDef)
        for node, following in zip(body.body, body.body[1:], strict=False):
            is_field = isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
            if is_field and isinstance(following, ast.Expr):
                text = inspect.cleandoc(str(getattr(following.value, "value", "")))
                texts[node.target.id] = " ".join(text.split())  # type: ignore[attr-defined]
    return texts


def _pairs(settings: list[str], flag: str) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(f"{flag} takes KEY=VALUE, got '{setting}'")
        try:
            pairs[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            pairs[key] = value
    return pairs


def _read_yaml(path: str) -> dict[str, Any]:
    file = Path(path)
    if not file.is_file():
        raise UsageError(f"there is no configuration file {path}")
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise UsageError(f"{path} holds a {type(values).__name__}, not keys and values")
    return values
