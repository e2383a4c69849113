"""Parse the command line, run a command, and turn its outcome into an exit code."""

import argparse
import difflib
import errno
import os
import re
import sys
from importlib import import_module
from typing import NoReturn

import digitlib

COMMANDS = (
    *("train", "evaluate", "predict", "read", "export", "compare", "tune"),
    *("handout", "class"),
)
_CLOSED_PIPE = {errno.EPIPE, errno.EINVAL if os.name == "nt" else errno.EPIPE}


def main(arguments: list[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: the words of the command line; None takes them from the shell.

    Returns:
        The exit code: 0 done, 1 some run or picture failed, 2 wrong input, 130 interrupted, 141 if
        the program that reads the output, such as `head`, has stopped.
    """
    _prepare_process()
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        if sys.stdout.isatty():
            print(flush=True)  # The progress bar has left the cursor in the middle of a line.
        print("digitlib: interrupted; no unfinished file is left.", file=sys.stderr)
        exec("")  # else `python -m` may die of a Ctrl-C that met the `exec` of an import
        return 130
    except (OSError, ValueError, FloatingPointError, ModuleNotFoundError) as error:
        if getattr(error, "errno", 0) in _CLOSED_PIPE and not getattr(error, "filename", None):
            return 141
        print(f"digitlib: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    finally:
        try:
            sys.stdout.flush()
        except OSError:  # The interpreter would fail in the same way when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments):
    try:
        options, unknown = _build_parser().parse_known_args(arguments)
        if unknown:
            options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    except SystemExit as end:  # of argparse, after --help, --version or an error
        return end.code
    return options.run(options) or 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Ends with one line; `--help` shows the usage."""
        from digitlib import RECIPES

        wrong = re.search(r"(?:invalid choice: '|unrecognized arguments: )([\w-]+)", message)
        known = [*COMMANDS, *RECIPES, *re.findall(r"[\w-]+", self.format_usage())]
        close = difflib.get_close_matches(wrong[1].lower(), known, n=1) if wrong else []
        hint = f"; did you mean {close[0]}?" if close else ""
        self.exit(2, f"digitlib: {' '.join((message + hint).split())}\n")


def _build_parser():
    about = "Train, evaluate and use networks that recognise handwritten digits."
    parser = _Parser(prog="python -m digitlib", description=about)
    parser.add_argument("--version", action="version", version=f"digitlib {digitlib.__version__}")
    parser.set_defaults(parser=parser, run=lambda options: parser.print_help())
    commands = parser.add_subparsers(metavar="COMMAND")
    # Imported only here, because NumPy takes a while and Ctrl-C must still end with one line.
    from digitlib.commands.common import RECIPE_LIST

    for name in COMMANDS:
        module = import_module(f"digitlib.commands.{name}")
        command = commands.add_parser(
            name,
            help=module.__doc__.partition(".")[0],
            description=module.__doc__,
            epilog=RECIPE_LIST if "--epochs" in module.ARGUMENTS else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(parser=command, run=module.run)
        for argument, details in module.ARGUMENTS.items():
            command.add_argument(argument, **details)
    return parser


def _prepare_process():
    if "matplotlib" not in sys.modules:
        # Files are drawn without a window, and a backend of a notebook may not be installed here.
        os.environ["MPLBACKEND"] = "Agg"
    # Without a terminal, the descriptors 0 to 2 may be closed (pythonw, a service). If they stayed
    # so, the next file to be opened would get one of them, and log messages with it.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A file name may hold letters that the terminal's code page lacks.
            stream.reconfigure(errors="backslashreplace")
