"""Change training images at random, as other hands, cameras and scanners would."""

import keras
import numpy as np
from keras import ops

from digitlib.data import IMAGE_SIZE
from digitlib.startup import configure_keras
from digitlib.training.recipe import SEED, SETTINGS

_ROWS = np.arange(IMAGE_SIZE, dtype=np.float32)[:, None, None]
_COLUMNS = np.arange(IMAGE_SIZE, dtype=np.float32)[None, :, None]


def build_augmentation(
    strength: float,
    seed: int = 0,
    *,
    shear: float = 0.0,
    stroke: float = 0.0,
    clutter: float = 0.0,
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
        clutter: the fraction of images with a line, spots, clouds or the like over them, 0 to 1.
        degradation: the strength of blur, noise and loss of contrast, 0 to 1; 1: ink can vanish.

    Returns:
        Layers from float32 (n, 28, 28, 1), pixels from 0 to 1, to the same. Call them with
        `training=True`.

    Raises:
        ValueError: a number is out of range.
    """
    SETTINGS["augmentation"].check("strength", strength)
    others = {"shear": shear, "stroke": stroke, "clutter": clutter, "degradation": degradation}
    for name, value in others.items():
        SETTINGS[name].check(name, value)
    configure_keras()
    layers, outside = keras.layers, "constant"  # fill with background
    # With one seed, every layer would draw the same random numbers, so the changes would correlate.
    seeds = np.random.default_rng(SEED.check("seed", seed)).integers(2**31, size=7).tolist()
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
    if clutter:
        changes.append(_RandomClutter(clutter, seeds[6]))
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
        thick, thin = _thicken(images), -_thicken(-images)
        return images + ops.abs(amount) * (ops.where(amount > 0, thick, thin) - images)


class _RandomClutter(_RandomChange):
    """Puts over some images what can lie over handwriting, a kind of its own over each."""

    def change(self, images):
        kinds = [self.cross, self.invert, self.invert]
        kinds += [self.cloud, self.spot, self.speckle, self.smear, self.shuffle, self.outline]
        # The order of images is random, so the first ones may get the first kind.
        of_1000 = ops.shape(images)[0] * round(1000 * self.strength)
        each = (of_1000 + 500 * len(kinds)) // (1000 * len(kinds))  # rounded to the nearest
        parts = [change(images[n * each : (n + 1) * each]) for n, change in enumerate(kinds)]
        changed = ops.clip(ops.concatenate(parts, axis=0), 0, 1)
        return ops.concatenate([changed, images[len(kinds) * each :]], axis=0)

    def draw_field(self, images, size):
        """Returns smooth random hills for each image, (n, 28, 28, 1), 0 to 1."""
        shape = (ops.shape(images)[0], size, size, 1)
        hills = keras.random.uniform(shape, seed=self.seeds)
        return ops.image.resize(hills, images.shape[1:3], data_format="channels_last")

    def cross(self, images):
        """Draws a thin line across, straight or zigzag, solid or dotted.

        A thick one would turn a 1 into a cross, which is no digit.
        """
        left, right = self.draw(images, -4, 32), self.draw(images, -4, 32)
        wave = ops.maximum(self.draw(images, -4, 4), 0)
        width, period = self.draw(images, 0.5, 1.3), self.draw(images, 3, 10)
        gap = ops.maximum(self.draw(images, -1, 0.6), 0)
        along = (_COLUMNS + self.draw(images, 0, 10)) / period % 1
        middle = left + (right - left) * _COLUMNS / 27 + wave * ops.abs(2 - 4 * along) - wave
        ink = ops.clip(width - ops.abs(_ROWS - middle), 0, 1) * ops.cast(along >= gap, "float32")
        upright = self.draw(images, 0, 1) < 0.3
        return images + ops.where(upright, ops.transpose(ink, (0, 2, 1, 3)), ink)

    def invert(self, images):
        """Inverts what lies outside a vertical band."""
        left, right = self.draw(images, 2, 12), self.draw(images, 16, 26)
        return ops.where((left <= _COLUMNS) & (right >= _COLUMNS), images, 1 - images)

    def cloud(self, images):
        """Mixes the image with clouds."""
        sizes = {3: 1.0, 6: 0.6, 12: 0.4, 24: 0.2}
        clouds = sum(weight * self.draw_field(images, size) for size, weight in sizes.items())
        amount = self.draw(images, 0, 0.85)
        return (1 - amount) * images + amount * (clouds - 0.5) * self.draw(images, 0.7, 1.5)

    def spot(self, images):
        """Covers parts of the image with grey spots."""
        covered = self.draw_field(images, 10) > self.draw(images, 0.5, 0.9)
        return ops.where(covered, self.draw(images, 0, 1), images)

    def speckle(self, images):
        """Replaces some pixels by noise."""
        lot = keras.random.uniform(ops.shape(images), seed=self.seeds) / self.draw(images, 0, 0.3)
        return ops.where(lot < 0.5, 0.0, ops.where(lot < 1, 1.0, images))

    def smear(self, images):
        """Smears the image to the side, as when it moves."""
        return sum(ops.roll(images, n, axis=2) for n in range(-3, 4)) / 7

    def shuffle(self, images):
        """Moves pixels about, as ribbed glass does."""
        for axis in (1, 2, 1, 2):
            moved = keras.random.uniform(ops.shape(images), seed=self.seeds) < 0.4
            images = ops.where(moved, ops.roll(images, 1, axis=axis), images)
        return images

    def outline(self, images):
        """Keeps the outline only: of the ink, or of what lies just outside it."""
        ink = ops.cast(images > 0.5, "float32")
        outside, inside = _thicken(ink) - ink, ink + _thicken(-ink)
        return ops.where(self.draw(images, 0, 1) < 0.5, outside, inside)


def _thicken(images):
    """Makes each pixel as light as the lightest around it."""
    return ops.max_pool(images, 3, strides=1, padding="same")


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
