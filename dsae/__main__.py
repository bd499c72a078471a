"""The entry of the `dsae` command."""

import ast
import importlib
import keyword
import sys
from pathlib import Path

VERBS = ("doctor", "tasks", "collect", "import", "inspect", "encoders", "train", "evaluate",
         "compare", "overlay", "view", "sample", "traverse", "filters", "state", "goal", "export",
         "learn", "rollout", "benchmark", "demo")  # fmt: skip
EXTRAS = {"stable_baselines3": "rl"}
"""The extra that brings a package, where it is not the command's own."""
OUR_PACKAGES = ("dsae", "envs", "data", "policies")


def main(arguments: list[str] | None = None) -> int:
    """Run one verb and return its exit status; a person's mistake is one line and status 2."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] in ("-h", "--help"):
        print(_overview())
        return 0
    if given[0] == "--version":
        from dsae import __version__

        print(__version__)
        return 0
    verb = given[0]
    if verb not in VERBS:
        return _fail(f"unknown verb '{verb}': choose from {', '.join(VERBS)}")
    return _run(verb, given[1:])


def _run(verb: str, arguments: list[str]) -> int:
    try:
        from dsae.commands.options import parse
        from dsae.commands.stages import end_with_parent

        end_with_parent()
        module = importlib.import_module(f"dsae.commands.{_file(verb)}")
        return module.run(parse(module.Options, arguments, verb=verb, about=module.__doc__ or ""))
    except KeyboardInterrupt:
        print("\ninterrupted: run the same command again to go on", file=sys.stderr)
        return 130
    except ModuleNotFoundError as error:
        package = (error.name or "dsae").partition(".")[0]
        if package in OUR_PACKAGES:
            raise
        extra = EXTRAS.get(package, "command")
        return _fail(f"{error.name} is not installed: pip install 'dsae[{extra}]'")
    except ValueError as error:
        if not isinstance(error, _known_errors()):
            raise
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), status=1)


def _known_errors() -> tuple[type[ValueError], ...]:
    """Return the errors that say in one line what a person can mend; others are our faults."""
    from data.errors import DataError
    from dsae.commands.errors import UsageError
    from dsae.errors import DsaeError
    from envs.errors import TaskError
    from policies.errors import PolicyError

    return UsageError, DsaeError, DataError, TaskError, PolicyError


def _file(verb: str) -> str:
    return verb + "_" * keyword.iskeyword(verb)


def _overview() -> str:
    lines = ["usage: dsae VERB [options]      (dsae VERB --help explains each)", ""]
    for verb in VERBS:
        # Read, not imported: a list of verbs should not wait for torch.
        source = (Path(__file__).parent / "commands" / f"{_file(verb)}.py").read_text("utf-8")
        summary = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
        lines.append(f"  {verb:10}{summary}")
    return "\n".join(lines)


def _fail(message: str, status: int = 2) -> int:
    print(f"dsae: {message}".replace("\n", " "), file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
