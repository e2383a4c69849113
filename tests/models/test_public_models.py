"""Models as public projects write them, saved by plain Keras: each loads and predicts the same."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers, ops
from keras.initializers import HeNormal, Orthogonal
from keras.regularizers import L2

from digitlib import load_mnist, load_model, save_model
from digitlib.models.guard import ModelError
from digitlib.models.storage import read_record

IMAGE = (28, 28, 1)


def sequential(*middle, shape=IMAGE):
    start = [keras.Input(shape)] if shape else []
    return keras.Sequential([*start, *middle, layers.Flatten(), layers.Dense(10, "softmax")])


def functional(make, shape=IMAGE, **wrapping):
    image = keras.Input(shape, name="image")
    out = layers.Dense(10, "softmax")(layers.Flatten()(make(image)))
    return keras.Model(wrapping.get("inputs", lambda i: i)(image), wrapping.get("out", out))


def list_of_one():
    image = keras.Input(IMAGE)
    return keras.Model([image], [layers.Dense(10, "softmax")(layers.Flatten()(image))])


def residual():
    def make(image):
        x = layers.Conv2D(8, 3, padding="same", activation="relu")(image)
        for _ in range(12):
            y = layers.Conv2D(8, 3, padding="same", use_bias=False)(x)
            y = layers.ReLU()(layers.BatchNormalization()(y))
            x = layers.Add()([x, y]) if _ % 2 else x + y
        x = ops.relu(x - 0.5) * 2.0 / 3.0
        return layers.GlobalAveragePooling2D()(x)

    return functional(make)


def augmented():
    augmentation = keras.Sequential(
        [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.1)]
    )
    return sequential(augmentation, layers.Conv2D(4, 3), layers.Dropout(0.2))


def augmented_functional():
    augmentation = keras.Sequential(
        [keras.Input(IMAGE), layers.RandomTranslation(0.1, 0.1), layers.RandomContrast(0.1)]
    )
    return functional(lambda image: layers.Conv2D(4, 3)(augmentation(image)))


def dictionary():
    return functional(layers.Conv2D(4, 3), inputs=lambda image: {"image": image})


def dictionary_flat():
    return functional(layers.Dense(20), shape=(784,), inputs=lambda image: {"image": image})


def baked_batch():
    image = keras.Input(batch_shape=(32, *IMAGE))
    return keras.Model(image, layers.Dense(10, "softmax")(layers.Flatten()(image)))


def shared_parts():
    start, decay = HeNormal(seed=1), L2(1e-4)
    parts = {"kernel_initializer": start, "kernel_regularizer": decay}
    limit = keras.constraints.MaxNorm(2)
    convolutions = [layers.Conv2D(4, 3, kernel_constraint=limit, **parts) for _ in range(2)]
    return sequential(*convolutions, layers.Dense(8, **parts))


def preprocessing():
    normalization = layers.Normalization()
    normalization.adapt(np.random.default_rng(1).random((20, *IMAGE), np.float32))
    return sequential(
        layers.Resizing(32, 32), layers.Rescaling(2.0, -1), normalization, layers.Conv2D(4, 5)
    )


def fitted_without_input(**options):
    model = sequential(layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(), shape=None)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], **options)
    model.fit(np.zeros((32, *IMAGE)), np.zeros(32), batch_size=16, verbose=0)
    return model


def nested():
    encoder = functional(layers.Conv2D(4, 3)).layers[1]
    inner = keras.Sequential([keras.Input((26, 26, 4)), layers.Flatten(), layers.Dense(16)])
    image = keras.Input(IMAGE)
    return keras.Model(image, layers.Dense(10, "softmax")(inner(encoder(image))))


def nested_first():
    image = keras.Input(IMAGE)
    return sequential(keras.Model(image, layers.Conv2D(4, 3)(image)), layers.ReLU())


def attention():
    def make(image):
        x = layers.Dense(16)(layers.Reshape((49, 16))(image))
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 8)(x, x))
        return x[:, 0]

    return functional(make)


MODELS = {
    make.__name__: make
    for make in (
        *(list_of_one, residual, augmented, augmented_functional, dictionary, dictionary_flat),
        *(baked_batch, shared_parts, preprocessing, fitted_without_input, nested, nested_first),
        attention,
    )
} | {
    "rows and columns": lambda: sequential(layers.Dense(20), shape=(28, 28)),
    "flat": lambda: sequential(layers.Dense(20, "relu"), shape=(784,)),
    "one flat row": lambda: sequential(layers.Dense(20, "relu"), shape=(1, 784)),
    "flat functional": lambda: functional(layers.Dense(20), shape=(784,)),
    "rows functional": lambda: functional(layers.Reshape(IMAGE), shape=(28, 28)),
    "orthogonal": lambda: sequential(layers.Dense(5, kernel_initializer=Orthogonal())),
    "recurrent": lambda: sequential(layers.LSTM(16), shape=(28, 28)),
    "recurrent of any length": lambda: sequential(layers.GRU(16), shape=(None, 28)),
    "both ways": lambda: sequential(layers.Bidirectional(layers.SimpleRNN(8)), shape=(28, 28)),
    "each row": lambda: sequential(
        layers.TimeDistributed(layers.Conv1D(4, 3)), layers.TimeDistributed(layers.Flatten())
    ),
    "any size": lambda: functional(
        lambda image: layers.GlobalMaxPooling2D()(layers.Conv2D(4, 3)(image)), shape=(None, None, 1)
    ),
    "activations as layers": lambda: sequential(
        layers.Conv2D(4, 3, activation=layers.LeakyReLU()), layers.PReLU(), layers.ELU()
    ),
    "separable": lambda: sequential(
        layers.SeparableConv2D(8, 3, dilation_rate=2), layers.DepthwiseConv2D(3)
    ),
    "mixed precision": lambda: sequential(layers.Conv2D(4, 3, dtype="mixed_float16")),
    "deep": lambda: sequential(*[layers.ReLU() for _ in range(100)]),
    "compiled for XLA": lambda: fitted_without_input(jit_compile=True),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_an_honest_model_loads_and_predicts_the_same(tmp_path, recwarn, name, suffix):
    model, path = MODELS[name](), tmp_path / f"model{suffix}"
    if suffix == ".h5" and name in ("residual", "attention"):
        pytest.skip("Keras itself cannot load operators from .h5")
    model.save(path)
    recwarn.clear()
    loaded = load_model(path)
    assert not list(recwarn)
    assert (loaded.input_shape, loaded.output_shape) == ((None, *IMAGE), (None, 10))
    images = np.random.default_rng(0).random((32, *IMAGE), np.float32)
    shape = [32, *next(iter(model.inputs)).shape[1:]]
    if None in shape:
        shape = [32, 28, 28, 1][: len(shape)]
    inputs = images.reshape(shape)
    expected = model({"image": inputs} if "dict" in name else inputs, training=False)
    tolerance = {"atol": 2e-3 if "mixed" in name else 1e-5}
    # Called directly and by `predict`, in batches of several sizes.
    assert np.allclose(loaded(images, training=False), expected, **tolerance)
    assert np.allclose(loaded(images[:3], training=False), expected[:3], **tolerance)
    assert np.allclose(loaded.predict(images, verbose=0, batch_size=5), expected, **tolerance)
    if suffix == ".h5" and name == "augmented_functional":
        return  # Keras itself cannot save such a model again
    save_model(loaded, path)
    assert np.allclose(load_model(path)(images, training=False), expected, **tolerance)
    if name == "fitted_without_input":
        loaded.compile("adam", "sparse_categorical_crossentropy")
        loaded.fit(images, np.zeros(32), verbose=0)


def edit_description(path, change, *, version=None):
    """Changes what a `.h5` or `.keras` file says of its layers and of its version."""
    if path.suffix == ".h5":
        with h5py.File(path, "a") as file:
            config = json.loads(file.attrs["model_config"])
            change(config)
            file.attrs["model_config"] = json.dumps(config)
            file.attrs["keras_version"] = version or file.attrs["keras_version"]
        return
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    change(config)
    parts["config.json"] = json.dumps(config)
    if version:
        parts["metadata.json"] = json.dumps({"keras_version": version})
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def describe_as_keras_2(config):
    for layer in config["config"]["layers"]:
        values = layer["config"]
        values["dtype"] = "float32"
        if "batch_shape" in values:
            values["batch_input_shape"] = values.pop("batch_shape")
        if layer["class_name"] == "BatchNormalization":
            values["axis"] = [values["axis"]]
    config["config"]["layers"][1]["config"]["batch_input_shape"] = [None, *IMAGE]


def describe_graph_as_keras_2(config):
    describe_as_keras_2(config)
    config.update(module="keras.src.engine.functional", registered_name="Functional")
    config["config"].update(input_layers=[["image", 0, 0]], output_layers=[["dense", 0, 0]])
    for before, layer in zip(
        config["config"]["layers"], config["config"]["layers"][1:], strict=False
    ):
        layer["inbound_nodes"] = [[[before["name"], 0, 0, {}]]]


def describe_as_keras_2_0(config):
    describe_as_keras_2(config)
    config["config"] = config["config"]["layers"][1:]


@pytest.mark.parametrize(
    ("change", "suffix"),
    [
        (describe_as_keras_2, ".h5"),
        (describe_as_keras_2, ".keras"),
        (describe_as_keras_2_0, ".h5"),
        (describe_graph_as_keras_2, ".h5"),
        (describe_graph_as_keras_2, ".keras"),
        (lambda config: config["config"].update(output_layers=[["dense", 0, 0]]), ".h5"),
    ],
)
def test_files_of_keras_2_load_without_advice(tmp_path, recwarn, change, suffix):
    image = keras.Input(IMAGE, name="image")
    flat = layers.Flatten()(layers.BatchNormalization()(layers.Conv2D(4, 3)(image)))
    model = keras.Model(image, layers.Dense(10, "softmax", name="dense")(flat))
    if change in (describe_as_keras_2, describe_as_keras_2_0):
        model = keras.Sequential([keras.Input(IMAGE), *model.layers[1:]])
    path = tmp_path / f"old{suffix}"
    model.save(path)
    edit_description(path, change, version="2.4.0")
    recwarn.clear()
    images = np.random.default_rng(0).random((4, *IMAGE), np.float32)
    assert np.allclose(load_model(path)(images), model(images), atol=1e-6)
    assert not list(recwarn)


def add_setting(config):
    config["config"]["layers"][-1]["config"]["implementation"] = 1


def name_own_layer(config):
    config["config"]["layers"][-1].update(
        class_name="Capsule", module="capsules", registered_name="capsules>Capsule"
    )


def mark_stateful(config):
    config["config"]["layers"][1]["config"]["stateful"] = True


@pytest.mark.parametrize(
    ("change", "version", "message"),
    [
        (
            add_setting,
            "2.3.1",
            r"was made by Keras 2\.3 and cannot be loaded .*\.h5 twin",
        ),
        (add_setting, "99.0.0", r"was made by Keras 99\.0, newer .*pip install --upgrade keras"),
        (add_setting, None, r"cannot be loaded \(.*implementation"),
        (name_own_layer, "2.3.1", r"here: it has the layer capsules\.\S*Capsule\."),
        (mark_stateful, None, r"is not supported here: it has a layer that keeps a state"),
    ],
)
def test_the_real_reason_is_given(tmp_path, change, version, message):
    path = tmp_path / "model.keras"
    sequential(layers.Conv2D(4, 3)).save(path)
    edit_description(path, change, version=version)
    with pytest.raises(ModelError, match=message) as caught:
        load_model(path)
    assert not {"safety", "damaged"} & set(str(caught.value).split())


def two_inputs():
    images = [keras.Input(IMAGE) for _ in range(2)]
    return keras.Model(images, layers.Dense(10)(layers.Flatten()(layers.Add()(images))))


def called_twice():
    dense = layers.Dense(784)
    return functional(lambda image: dense(dense(layers.Flatten()(image))))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sequential(layers.Lambda(lambda x: x)), "a Lambda layer, whose Python code"),
        (lambda: sequential(layers.Dense(5, activation=lambda x: x)), "Python function as activa"),
        (lambda: sequential(layers.Hashing(5)), "not supported here: it has the layer Hashing"),
        (lambda: sequential(layers.Dropout(0.5), shape=(8, 8)), r"inputs of shape \(8, 8\)"),
        (lambda: sequential(shape=None), "no input shape: fit or build"),
        (lambda: sequential(layers.LSTM(4), shape=(784, 1)), "recurrent layers of 784 steps"),
        (
            lambda: sequential(layers.Dense(14_000), shape=(784,)),
            r"too large: \S* bytes, and 40 MB",
        ),
        (two_inputs, "2 inputs and 1 outputs"),
        (called_twice, "it uses a layer several times"),
    ],
)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_what_could_not_be_loaded_is_not_saved(tmp_path, make, message, suffix):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"an older file")
    with pytest.raises(ValueError, match=f"was not saved, because the model .*{message}"):
        save_model(make(), path)
    assert path.read_bytes() == b"an older file"
    assert list(tmp_path.iterdir()) == [path]


def test_own_layers_are_not_saved(tmp_path):
    class Own(layers.Layer):
        def __init__(self, needed):
            super().__init__()

        def call(self, inputs):
            return inputs

    for suffix in (".keras", ".h5"):
        with pytest.raises(ValueError, match=r"was not saved, because the model .*Own"):
            save_model(sequential(Own(3)), tmp_path / f"own{suffix}")
    assert not list(tmp_path.iterdir())


def test_logits_are_loaded(tmp_path):
    model = keras.Sequential([keras.Input(IMAGE), layers.Flatten(), layers.Dense(10)])
    save_model(model, tmp_path / "logits.keras")
    images = np.random.default_rng(0).random((4, *IMAGE), np.float32)
    loaded = load_model(tmp_path / "logits.keras")
    assert np.allclose(loaded(images), model(images), atol=1e-6)


@pytest.mark.parametrize("suffix", [".KERAS", ".H5"])
def test_suffixes_in_capitals_and_a_home_folder(tmp_path, monkeypatch, suffix):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    model = sequential()
    save_model(model, f"~/digits{suffix}", record={})
    assert [path.name for path in tmp_path.iterdir()] == [f"digits{suffix}"]
    assert np.array_equal(load_model(f"~/digits{suffix}").get_weights()[0], model.get_weights()[0])
    assert read_record(f"~/digits{suffix}") == {}


def test_a_model_trained_on_unscaled_pixels_is_reported(tmp_path, recwarn):
    train = load_mnist().train
    images, labels = train.images[:3000], train.labels[:3000]
    flat = images.reshape(3000, -1).astype(np.float32)
    # Class means, so that the bias decides at the wrong scale.
    means = np.stack([flat[labels == digit].mean(axis=0) for digit in range(10)])
    means /= 255
    bias = -(means**2).sum(axis=1) / 2
    for name, scale in (("scaled", 1), ("unscaled", 1 / 255)):
        model = sequential()
        model.layers[-1].set_weights([means.T * scale, bias])
        save_model(model, tmp_path / f"{name}.keras")
        recwarn.clear()
        load_model(tmp_path / f"{name}.keras")
        told = [str(warning.message) for warning in recwarn]
        assert len(told) == (name == "unscaled")
    assert "it was trained on unscaled images" in told[0]
    assert recwarn[0].filename == __file__
    # The remedy that it names.
    inputs = images[:500, ..., None] / np.float32(255)
    remedy = keras.Sequential([keras.Input(IMAGE), layers.Rescaling(255), model])
    predictions = np.argmax(remedy(inputs, training=False), axis=1)
    assert (predictions == labels[:500]).mean() > 0.7
