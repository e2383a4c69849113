"""digitlib: the helper package of the lesson `Digit_recognizer.ipynb`.

The names in `__init__.pyi` can be imported from here: `from digitlib import load_mnist`. Each is
loaded when it is first used, so that `import digitlib` is quick and only work that needs Keras
waits for Keras. The import also asks for TensorFlow's fast kernels, since TensorFlow reads this
setting only once, when it is imported.
"""

from pathlib import Path
from typing import Any

import lazy_loader

from digitlib.startup import ask_for_fast_kernels

ask_for_fast_kernels()
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    return _find_version() if name == "__version__" else _load(name)


def _find_version():
    project = Path(__file__).parents[1] / "pyproject.toml"
    if project.exists():  # a clone, which may differ from what is installed
        import tomllib

        return tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"]
    from importlib import metadata

    return metadata.version("digitlib")
