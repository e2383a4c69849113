"""Change training images at random, as another hand or another scanner would."""

import keras
import numpy as np
from keras import ops


def build_augmentation(strength, seed=0, *, shear=0.0, stroke=0.0, paper=0.0):
    """Builds layers that change images at random, anew at each call.

    They belong to training only and are no part of a model.

    Args:
        strength: the greatest shift and zoom, a share of the image's size, and three times the
            greatest rotation in full turns.
        seed: int.
        shear: the greatest slant, as the tangent of its angle.
        stroke: how far strokes may become thicker or thinner, 0 to 1; at 1, by one pixel on both
            sides.
        paper: how far paper may turn grey, noisy and blurred, 0 to 1: at 1, ink may vanish in it.

    Returns:
        A `keras.Sequential` from float32 (n, 28, 28, 1) to the same; call it with `training=True`.
    """
    layers = keras.layers
    # With one seed for all, each image would be shifted, turned and zoomed by the same draw.
    seeds = np.random.default_rng(seed).integers(2**31, size=6).tolist()
    outside = "constant"  # what comes in at the edges is paper
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
    if paper:  # last, since it lies still while a digit moves on it
        changes.append(_RandomPaper(paper, seeds[5]))
    return keras.Sequential(changes)


class _RandomChange(keras.layers.Layer):
    """Changes each image by its own draw, while training only."""

    def __init__(self, strength, seed):
        super().__init__()
        self.strength = strength
        self.seeds = keras.random.SeedGenerator(seed)

    def call(self, images, training=False):
        return self.change(images) if training else images

    def draw(self, images, least, most):
        """One number for each image, (n, 1, 1, 1)."""
        shape = (ops.shape(images)[0], 1, 1, 1)
        return keras.random.uniform(shape, least, most, seed=self.seeds)


class _RandomStroke(_RandomChange):
    """Mixes each image with its neighbours' maximum (thicker) or minimum (thinner)."""

    def change(self, images):
        amount = self.draw(images, -self.strength, self.strength)
        thick = ops.max_pool(images, 3, strides=1, padding="same")
        thin = -ops.max_pool(-images, 3, strides=1, padding="same")
        return images + ops.abs(amount) * (ops.where(amount > 0, thick, thin) - images)


class _RandomPaper(_RandomChange):
    """Blurs every second image, lowers its contrast, and adds noise."""

    def change(self, images):
        touched, blur, fade, grey, noise = (
            self.draw(images, 0, most)
            for most in (1, self.strength, self.strength, 1, self.strength / 4)
        )
        blurred = ops.average_pool(images, 5, strides=1, padding="same")
        paper = images + blur * (blurred - images)
        paper = (1 - fade) * paper + fade * grey
        paper += noise * keras.random.normal(ops.shape(images), seed=self.seeds)
        return ops.where(touched < 0.5, ops.clip(paper, 0, 1), images)
