"""The fingerprint of a result: the processor, the settings, and the training code of that day."""

import hashlib
import json
import math
import platform
from dataclasses import fields, replace
from pathlib import Path

import joblib

from digitlib.data import Split
from digitlib.startup import start_keras
from digitlib.training.recipe import Recipe


def take_fingerprint(recipe: Recipe, train: Split, validation: Split) -> dict:
    """Takes the fingerprint of a run, which ties its result to the code.

    Args:
        recipe: the recipe, with its overrides.
        train: the images and labels to learn from.
        validation: the images and labels to measure with.

    Returns:
        A dict of the columns of results: the kind of processor, `hash_settings`, `probe_training`.
    """
    machine = describe_processor()
    kind = "with" if machine["avx512_vnni"] else "without"
    return {
        "processor": f"{machine['processor']} {kind} AVX-512 VNNI",
        "settings": hash_settings(recipe),
        "probe": probe_training(recipe, train, validation),
    }


def describe_processor() -> dict:
    """Describes the processor.

    Returns:
        A dict: its name, the cores it offers, and whether it has AVX-512 VNNI.
    """
    name, flags = platform.processor() or platform.machine(), ""
    cpuinfo = Path("/proc/cpuinfo")  # Linux only
    if cpuinfo.exists():
        lines = (line.split(":", 1) for line in cpuinfo.read_text().splitlines() if ":" in line)
        facts = {key.strip(): value.strip() for key, value in lines}
        name, flags = facts.get("model name", name), facts.get("flags", "")
    return {
        "processor": name,
        "cores": joblib.cpu_count(),
        "avx512_vnni": "avx512_vnni" in flags.split(),
    }


def hash_settings(recipe: Recipe) -> str:
    """Returns eight characters that change with the settings of a recipe.

    Settings with their default values do not count, so that a new one leaves old results valid;
    so a default itself must not be changed. Nor does `reported` count, which trains nothing.

    Args:
        recipe: the recipe, with its overrides.

    Returns:
        The start of a SHA-256 hash, in hexadecimal.
    """
    values = {f.name: (getattr(recipe, f.name), f.default) for f in fields(recipe)}
    del values["layers"], values["reported"]
    changed = {name: value for name, (value, default) in values.items() if value != default}
    return hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()[:8]


def probe_training(recipe: Recipe, train: Split, validation: Split) -> float:
    """Trains a recipe for a few steps, which takes seconds.

    The loss changes with nearly everything that decides training: layers, order of the images,
    synthetic images, augmentation, optimiser. Other processors change it by about 0.1%.

    Args:
        recipe: the recipe, with its overrides.
        train: the images and labels, of which the first 640 are learned from.
        validation: the images and labels, of which the first 200 are used.

    Returns:
        The validation loss after two epochs with seed 0, or NaN if training fails so soon.
    """
    try:
        return _train_briefly(recipe, train, validation).history["val_loss"][-1]
    except FloatingPointError:
        return math.nan


def _train_briefly(recipe, train, validation, seed=0):
    start_keras()  # before training.train imports Keras
    from digitlib.training.train import train_model

    few = Split(*(array[:640] for array in train)), Split(*(array[:200] for array in validation))
    short = replace(recipe, epochs=2, plain_epochs=min(recipe.plain_epochs, 1))
    return train_model(short, *few, seed=seed, verbose=0)
