"""digitlib: the helper package of the lesson `Digit_recognizer.ipynb`.

The names in `__init__.pyi` can be imported from here: `from digitlib import load_mnist`. Each is
loaded when it is first used, so that `import digitlib` is quick and only work that needs Keras
waits for Keras. The import also asks for TensorFlow's fast kernels, since TensorFlow reads this
setting only once, when it is imported.
"""

import lazy_loader

from digitlib.startup import ask_for_fast_kernels

ask_for_fast_kernels()
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
