"""The recipe `fast` in PyTorch: the same network, schedule, batches and loss, as a peer.

PyTorch is no requirement of the project: pip install torch==2.13.0
"""

import math
import time

import torch
from torch import nn


def build_fast(width):
    """The layers of `fast`, from (n, 1, 28, 28) to scores (n, 10)."""
    return nn.Sequential(
        nn.Conv2d(1, width, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(width, width * 2, 3),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(width * 2 * 25, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def train_fast(recipe, learned, known, test, seed):
    """Trains and judges; returns CPU-seconds and seconds of training, and test accuracy."""
    torch.manual_seed(seed)
    model = build_fast(recipe.width).to(memory_format=torch.channels_last)
    for layer in model:
        if isinstance(layer, nn.Conv2d | nn.Linear):  # begin as Keras does
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    images, labels = _prepare(learned)
    known = _prepare(known)
    steps_per_epoch = math.ceil(len(labels) / recipe.batch_size)
    steps = recipe.epochs * steps_per_epoch
    optimizer = torch.optim.Adam(model.parameters(), betas=recipe.betas, eps=1e-7)
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    started, cpu_started, step = time.perf_counter(), time.process_time(), 0
    for _ in range(recipe.epochs):
        model.train()
        order = torch.randperm(len(labels))
        for rows in order.split(recipe.batch_size):
            for group in optimizer.param_groups:
                group["lr"] = _cosine(recipe.learning_rate, step, steps)
            optimizer.zero_grad()
            loss_of(model(images[rows]), labels[rows]).backward()
            optimizer.step()
            step += 1
        _measure_accuracy(model, *known)
    seconds = time.perf_counter() - started
    cpu_seconds = time.process_time() - cpu_started
    return cpu_seconds, seconds, _measure_accuracy(model, *_prepare(test))


def _prepare(split):
    images = torch.tensor(split.images).float().div(255).unsqueeze(1)
    return images.to(memory_format=torch.channels_last), torch.from_numpy(split.labels).long()


def _cosine(peak, step, steps):
    warmup = steps // 10
    if step < warmup:
        return peak * step / warmup
    return peak / 2 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


@torch.no_grad()
def _measure_accuracy(model, images, labels):
    model.eval()
    right = [
        (model(some).argmax(1) == truth).sum()
        for some, truth in zip(images.split(1000), labels.split(1000), strict=True)
    ]
    return float(sum(right)) / len(labels)
