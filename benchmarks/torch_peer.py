"""The recipe `fast` in PyTorch, as a peer: the same network, schedule, batches and loss.

The project does not install PyTorch: pip install torch==2.13.0
"""

import math

import torch
from torch import nn


def build_fast(width):
    """Returns the layers of `fast`, from images (n, 1, 28, 28) to scores (n, 10)."""
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


def train_fast(recipe, train, validation, seed):
    """Trains, and predicts the validation images after each epoch, as Keras's `fit` does.

    Args:
        recipe: the `Recipe` `fast`.
        train: the `Split` to learn from.
        validation: the `Split` to predict.
        seed: int.

    Returns:
        A function from uint8 images (n, 28, 28) to the predicted digits, uint8 (n,).
    """
    torch.manual_seed(seed)
    model = build_fast(recipe.width).to(memory_format=torch.channels_last)
    for layer in model:
        if isinstance(layer, nn.Conv2d | nn.Linear):  # initialise as Keras does
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    images, labels = _prepare(train.images), torch.tensor(train.labels).long()
    steps = recipe.epochs * math.ceil(len(labels) / recipe.batch_size)
    optimizer = torch.optim.Adam(model.parameters(), betas=recipe.betas, eps=1e-7)
    loss_of = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing)
    step = 0
    for _ in range(recipe.epochs):
        model.train()
        for rows in torch.randperm(len(labels)).split(recipe.batch_size):
            for group in optimizer.param_groups:
                group["lr"] = _cosine(recipe.learning_rate, step, steps)
            optimizer.zero_grad()
            loss_of(model(images[rows]), labels[rows]).backward()
            optimizer.step()
            step += 1
        _predict(model, validation.images)
    return lambda images: _predict(model, images)


def _prepare(images):
    scaled = torch.tensor(images).float().div(255).unsqueeze(1)
    return scaled.to(memory_format=torch.channels_last)


def _cosine(peak, step, steps):
    warmup = steps // 10
    if step < warmup:
        return peak * step / warmup
    return peak / 2 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


@torch.no_grad()
def _predict(model, images):
    model.eval()
    answers = [model(some).argmax(1) for some in _prepare(images).split(1000)]
    return torch.cat(answers).to(torch.uint8).numpy()
