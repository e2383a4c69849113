import dataclasses

import pytest

from digitlib import RECIPES, build_model


def test_fast_has_the_layers_and_sizes_worked_out_by_hand():
    model = build_model(RECIPES["fast"])
    assert [type(layer).__name__ for layer in model.layers] == [
        *("Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D"),
        *("Flatten", "Dropout", "Dense", "Dense"),
    ]
    # A window of 5 fits 28 - 5 + 1 = 24 times; pooling halves; 12 - 3 + 1 = 10; 5 * 5 * 32 = 800.
    shapes = [(24, 24, 24), (12, 12, 24), (10, 10, 32), (5, 5, 32), (800,), (800,), (128,), (10,)]
    assert [layer.output.shape[1:] for layer in model.layers] == shapes
    convolutions = (5 * 5 * 1 + 1) * 24 + (3 * 3 * 24 + 1) * 32
    assert model.count_params() == convolutions + (800 + 1) * 128 + (128 + 1) * 10


def test_every_recipe_maps_images_to_ten_probabilities():
    for name, recipe in RECIPES.items():
        assert recipe.name == name
        model = build_model(recipe)
        assert model.input_shape == (None, 28, 28, 1)
        assert model.output_shape == (None, 10)
        assert model.layers[-1].get_config()["activation"] == "softmax"


@pytest.mark.parametrize("number", ["epochs", "batch_size", "learning_rate"])
@pytest.mark.parametrize("wrong", [0, -1])
def test_numbers_must_be_positive(number, wrong):
    with pytest.raises(ValueError, match=f"{number} must be above 0; got {wrong}"):
        dataclasses.replace(RECIPES["fast"], **{number: wrong})
