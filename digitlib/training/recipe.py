"""Recipes: everything that decides how a network is built and trained, apart from the seed."""

import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields, replace
from numbers import Integral, Real
from typing import Any

import numpy as np

ONE_HOT_LOSS = "categorical_crossentropy"
# Settings that had another name when older models, checkpoints and tables were written.
OLD_NAMES = {"strangers": "negatives", "variants": "writing_styles", "paper": "degradation"}
_TYPES: dict[type, Any] = {int: Integral, float: Real, bool: (bool, np.bool_), str: str}
_WORDS = {int: "a whole number ", float: "a number ", bool: "True or False", str: ""}


@dataclass(frozen=True)
class Setting:
    """One setting: overrides, options, `--help` and error messages all come from it.

    Attributes:
        kind: int, float, bool or str.
        meaning: what the setting does, in a few words.
        least, most: the smallest and the largest allowed number.
        above, below: bounds that are not allowed themselves.
        choices: the allowed words of a str; None for other kinds.
    """

    kind: type
    meaning: str
    least: float = -math.inf
    above: float = -math.inf
    most: float = math.inf
    below: float = math.inf
    choices: tuple[str, ...] | None = None

    @property
    def range(self) -> str:
        """The allowed values in words, such as "0 to 0.5" or "above 0"; "" for a bool."""
        if self.kind is bool or self.choices:
            return " or ".join(self.choices or ())
        if math.isfinite(self.below):
            return f"{self.least} to below {self.below}"
        if math.isfinite(self.most):
            return f"{self.least} to {self.most}"
        return f"above {self.above}" if math.isfinite(self.above) else f"at least {self.least}"

    def check(self, name: str, value: Any) -> Any:
        """Returns the value as a plain `kind`, or raises ValueError, which names the setting."""
        is_bool = isinstance(value, _TYPES[bool])
        allowed = isinstance(value, _TYPES[self.kind]) and is_bool == (self.kind is bool)
        if allowed and self.choices:
            allowed = value in self.choices
        elif allowed and not is_bool:
            allowed = self.least <= value <= self.most and self.above < value < self.below
        if not allowed:
            words = self.range.replace("at least", "of at least")
            words = f"from {words}" if words[:1].isdigit() else words
            raise ValueError(f"{name} must be {_WORDS[self.kind]}{words}; got {value!r}")
        return self.kind(value)


SEED = Setting(int, "random seed", least=0, most=2**32 - 1)
_BETA = Setting(float, "memory of Adam", least=0, below=1)


def _setting(kind: type, default: Any, meaning: str, **limits: Any) -> Any:
    return field(default=default, metadata={"setting": Setting(kind, meaning, **limits)})


def _fraction(meaning: str, most: float = 1) -> Any:
    return _setting(float, 0.0, meaning, least=0, most=most)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a network is built and trained, apart from the seed.

    The fields with a `Setting` are explained there. Where their default is None, None stands for a
    network without such a part. The constructor raises ValueError for a value that is not allowed.

    Attributes:
        name: the key in `RECIPES`, and the name on the command line.
        layers: a function of `keras.layers` and the recipe that returns the layers between input
            and output. (It receives Keras, so that recipes can be read without waiting for it.)
        loss: the name of the loss in Keras.
        validation_fraction: the fraction of the training images that is held out.
        betas: the memory of Adam's running averages of gradients and of their squares, each from 0
            to below 1.
        calibrated: whether training ends with `calibrate_model`.
        folded: whether training ends with `fold_normalization`.
        reported: the test accuracy that the recipe's source reports, from 0 to 1, or None.

    Example:
        >>> from digitlib import RECIPES
        >>> RECIPES["fast"].epochs
        2
    """

    name: str
    layers: Callable[[Any, "Recipe"], list]
    epochs: int = _setting(int, MISSING, "passes through the training images", above=0)
    batch_size: int = _setting(int, 128, "images in each step", above=0)
    learning_rate: float = _setting(float, 0.001, "step size of Adam", above=0)
    loss: str = "sparse_categorical_crossentropy"
    validation_fraction: float = 1 / 12
    width: int | None = _setting(
        int, None, "filters of the first convolution, or units of the hidden layer", above=0
    )
    dropout: float | None = _setting(
        float, None, "fraction of values that the dropout layers drop", least=0, below=1
    )
    schedule: str = _setting(
        str,
        "constant",
        "learning-rate schedule; cosine: a short warm-up, then a cosine decay to 0",
        choices=("constant", "cosine"),
    )
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = _setting(
        float, 0.0, "decay of all weights in each step, as a multiple of the learning rate", least=0
    )
    label_smoothing: float = _setting(
        float, 0.0, "fraction of each target to spread over all classes", least=0, below=1
    )
    augmentation: float = _fraction("largest random shift and zoom, in image sizes", most=0.5)
    shear: float = _fraction("largest random slant, as the tangent of its angle")
    stroke: float = _fraction("largest random change in stroke width; 1: a pixel on each side")
    clutter: float = _fraction("fraction of images with lines, spots, clouds or the like over them")
    degradation: float = _fraction("strength of blur, noise and contrast loss; 1: ink can vanish")
    writing_styles: float = _fraction(
        "digits in styles that MNIST lacks to add, as a fraction of the training set"
    )
    negatives: float = _fraction(
        "negative examples to add, as a fraction of the training set: images without a digit, "
        "whose target is 0.1 for every class"
    )
    plain_epochs: int = _setting(int, 0, "final epochs that leave digits in their shape", least=0)
    batch_norm: bool | None = _setting(bool, None, "batch normalisation after each convolution")
    calibrated: bool = False
    folded: bool = False
    reported: float | None = None

    def __post_init__(self) -> None:
        for name, setting in SETTINGS.items():
            value = getattr(self, name)
            if value is not None or name not in _OPTIONAL:
                object.__setattr__(self, name, setting.check(name, value))
        for beta in self.betas:
            _BETA.check("betas", beta)
        for name in ("label_smoothing", "negatives"):
            if getattr(self, name) and self.loss != ONE_HOT_LOSS:
                raise ValueError(f"{name} needs the loss {ONE_HOT_LOSS}; got {self.loss}")

    @property
    def summary(self) -> str:
        """What the recipe is for: the first line of the docstring of its layers."""
        return (self.layers.__doc__ or self.name).splitlines()[0].rstrip(".")


SETTINGS: dict[str, Setting] = {
    each.name: each.metadata["setting"] for each in fields(Recipe) if each.metadata
}
_OPTIONAL = {each.name for each in fields(Recipe) if each.default is None}


def override_recipe(recipe: Recipe, **overrides: Any) -> Recipe:
    """Changes settings of a recipe.

    Args:
        recipe: the recipe, which itself stays as it is.
        overrides: new values of any of `SETTINGS`.

    Returns:
        The changed recipe.

    Raises:
        ValueError: a setting is unknown or out of range, or the network has no such part.

    Example:
        >>> from digitlib import RECIPES
        >>> from digitlib.training.recipe import override_recipe
        >>> override_recipe(RECIPES["fast"], epochs=5).epochs
        5
    """
    for name, value in overrides.items():
        if name not in SETTINGS:
            raise ValueError(f"no setting {name!r}; choose from {', '.join(SETTINGS)}")
        if getattr(recipe, name) is None:
            raise ValueError(f"recipe {recipe.name} has no {name} to override")
        SETTINGS[name].check(name, value)
    return replace(recipe, **overrides)
