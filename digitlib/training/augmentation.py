"""Change training images at random, as other hands, cameras and scanners would."""

import keras
import numpy as np
from keras import ops

from digitlib.startup import configure_keras
from digitlib.training.recipe import SEED, SETTINGS


def build_augmentation(
    strength: float,
    seed: int = 0,
    *,
    shear: float = 0.0,
    stroke: float = 0.0,
    degradation: float = 0.0,
) -> keras.Sequential:
    """Builds layers that change images at random, anew at each call.

    Put them in front of a network while it trains; they do not belong in the saved model.

    Args:
        strength: the largest shift and zoom, in image sizes, 0 to 0.5. A third of this is the
            largest rotation, in full turns.
        seed: int from 0 to 2**32 - 1.
        shear: the largest slant, as the tangent of its angle, 0 to 1.
        stroke: the largest change in stroke width, 0 to 1; 1: a pixel on each side.
        degradation: the strength of blur, noise and loss of contrast, 0 to 1; 1: ink can vanish.

    Returns:
        Layers from float32 (n, 28, 28, 1), pixels from 0 to 1, to the same. Call them with
        `training=True`.

    Raises:
        ValueError: a number is out of range.
    """
    SETTINGS["augmentation"].check("strength", strength)
    for name, value in {"shear": shear, "stroke": stroke, "degradation": degradation}.items():
        SETTINGS[name].check(name, value)
    configure_keras()
    layers, outside = keras.layers, "constant"  # fill with background
    # With one seed, every layer would draw the same random numbers, so the changes would correlate.
    seeds = np.random.default_rng(SEED.check("seed", seed)).integers(2**31, size=6).tolist()
    changes = []
    if stroke:
        changes.append(_RandomStroke(stroke, seeds[4]))
    if shear:
        changes.append(layers.RandomShear(shear, fill_mode=outside, seed=seeds[3]))
    if strength:
        changes += [
            layers.RandomTranslation(strength, strength, fill_mode=outside, seed=seeds[2]),
            layers.RandomRotation(strength / 3, fill_mode=outside, seed=seeds[1]),
            layers.RandomZoom(strength, fill_mode=outside, seed=seeds[0]),
        ]
    if degradation:  # last, because paper does not move with the digit
        changes.append(_RandomDegradation(degradation, seeds[5]))
    return keras.Sequential(changes)


class _RandomChange(keras.layers.Layer):
    """Changes each image by a random number of its own, in training only."""

    def __init__(self, strength, seed):
        super().__init__()
        self.strength = strength
        self.seeds = keras.random.SeedGenerator(seed)

    def call(self, images, training=False):
        return self.change(images) if training else images

    def draw(self, images, least, most):
        """Returns one number for each image, (n, 1, 1, 1)."""
        shape = (ops.shape(images)[0], 1, 1, 1)
        return keras.random.uniform(shape, least, most, seed=self.seeds)


class _RandomStroke(_RandomChange):
    """Mixes each image with its neighbours' maximum (thicker) or minimum (thinner)."""

    def change(self, images):
        amount = self.draw(images, -self.strength, self.strength)
        thick = ops.max_pool(images, 3, strides=1, padding="same")
        thin = -ops.max_pool(-images, 3, strides=1, padding="same")
        return images + ops.abs(amount) * (ops.where(amount > 0, thick, thin) - images)


class _RandomDegradation(_RandomChange):
    """Blurs every second image, lowers its contrast, and adds noise."""

    def change(self, images):
        touched, blur, fade, grey, noise = (
            self.draw(images, 0, most)
            for most in (1, self.strength, self.strength, 1, self.strength / 4)
        )
        blurred = ops.average_pool(images, 5, strides=1, padding="same")
        degraded = images + blur * (blurred - images)
        degraded = (1 - fade) * degraded + fade * grey
        degraded += noise * keras.random.normal(ops.shape(images), seed=self.seeds)
        return ops.where(touched < 0.5, ops.clip(degraded, 0, 1), images)
