"""Files that a stranger might send: each is made here, and none may run code or take memory."""

import io
import json
import pickle
import re
import struct
import sys
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from conftest import bounded

from digitlib import RECIPES, load_model, save_model
from digitlib.models.refusal import ModelError
from digitlib.training.networks import build_model

PROOF = Path("code-was-run")


def read_parts(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The members of a good `.keras` file: a dict of names and bytes."""
    path = tmp_path_factory.mktemp("good") / "good.keras"
    save_model(build_model(RECIPES["fast"]), path)
    return read_parts(path)


def write(parts, path, **changes):
    """Writes a `.keras` file with some members changed; None leaves one out."""
    names = {"config": "config.json", "weights": "model.weights.h5", "metadata": "metadata.json"}
    changed = {**parts, **{names.get(name, name): content for name, content in changes.items()}}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in changed.items():
            if content is not None:
                archive.writestr(name, content)
    return path


def expect_refusal(path, message):
    with bounded(), pytest.raises(ModelError, match=message) as caught:
        load_model(path)
    assert str(path) in str(caught.value)


def change_config(parts, change):
    config = json.loads(parts["config.json"])
    change(config["config"]["layers"])
    return json.dumps(config)


def change_weights(parts, change):
    buffer = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(buffer, "a") as file:
        change(file)
    return buffer.getvalue()


class Exploit:
    def __reduce__(self):
        return Path.touch, (PROOF,)


def add_function(layers):
    layers[1]["config"]["activation"] = {
        "module": "os",
        "class_name": "function",
        "config": "system",
        "registered_name": "system",
    }


def add_layer(kind, module="keras.layers", registered=None, **config):
    layer = {"module": module, "class_name": kind, "config": config, "registered_name": registered}
    return lambda layers: layers.insert(1, layer)


def widen(layers):
    layers[-2]["config"]["units"] = 10_000
    layers[-3] = {"class_name": "UpSampling2D", "config": {"size": 8, "name": "up"}}
    layers.insert(-2, {"class_name": "Flatten", "config": {"name": "flat"}})
    for layer in layers:
        layer.pop("build_config", None)


def enlarge(layers):
    add_layer("MaxPooling2D", pool_size=20, name="down")(layers)
    add_layer("UpSampling2D", size=20, name="up")(layers)


def add_many(layers):
    layers[-1:-1] = [{"class_name": "ReLU", "config": {"name": f"relu{n}"}} for n in range(300)]


def add_external(file):
    file["away"] = h5py.ExternalLink("/etc/passwd", "/")


def add_soft_link(file):
    file["away"] = h5py.SoftLink("/layers")


def add_raw_storage(file):
    file.create_dataset("away", (10,), "u1", external=[("/etc/passwd", 0, 10)])


def add_virtual(file):
    layout = h5py.VirtualLayout((10,), "u1")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "data", (10,))
    file.create_virtual_dataset("away", layout)


def add_objects(file):
    file.create_dataset("objects", data=["text"], dtype=h5py.string_dtype())


def add_loop(file):
    file["layers/again"] = file["layers"]


def declare_much(file):
    file.create_dataset("much", (10**12,), "f4", chunks=(1024,), compression="gzip")


def declare_twice(file):
    for name in "ab":  # no bytes are taken before they are written
        file.create_dataset(name, (file.id.get_filesize() * 2 // 3,), "u1")


MODEL = {"class_name": "Sequential", "module": "keras", "config": {"layers": []}}


def constant(value):
    return {"class_name": "Constant", "module": "keras", "config": {"value": value}}


def policy(name):
    return {"class_name": "DTypePolicy", "module": "keras", "config": {"name": name}}


def share_ids(layers):
    layers[1]["shared_object_id"] = layers[2]["shared_object_id"] = 1


def share_initializers(layers):
    layers[1]["config"]["bias_initializer"]["shared_object_id"] = 1


def name_twice(layers):
    layers[2]["config"]["name"] = layers[1]["config"]["name"]


def build_large(layers):
    layers[1]["build_config"]["input_shape"] = [None, 10**9]


def build_long(layers):
    layers[1]["build_config"]["input_shape"] = [[1]] * 1000


def work_hard(layers):
    del layers[1:]
    add_layer("Dense", units=10, name="last")(layers)
    add_layer("GlobalMaxPooling2D", name="all")(layers)
    for number in range(3):
        window = {"pool_size": 32, "strides": 1, "padding": "same"}
        add_layer("MaxPooling2D", name=f"max{number}", **window)(layers)
    add_layer("UpSampling2D", size=15, name="up")(layers)


def repeat_names(file):
    file["layers"].attrs["weight_names"] = ["kernel"] * 2


def declare_small(file):
    file["small"] = np.zeros(11_000_000, "u1")


def lengthen_names(file):
    file["layers"].attrs["weight_names"] = [f"{number}" for number in range(1500)]


def name_by_number(file):
    file["layers"].attrs["weight_names"] = np.arange(100)


def tell_type(file):
    file["tell"] = np.zeros(3)
    file["tell"].attrs["dtype"] = "bfloat16"


def name_much(file):
    for number in range(20):
        file["layers"].attrs[f"weight_names{number}"] = [b"kernel"]


def make_choices(file):
    file["choices"] = np.array([True])


def give_type(file):
    file["type"] = np.dtype("u1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (add_layer("Lambda", function="run"), "Lambda' is no part"),
        (add_layer("Own", module="own.package"), "own.package.Own' is no part"),
        (add_layer("Dense", module="own.package", units=3), "own.package.Dense' is no part"),
        (add_layer("Dense", registered="own>Dense", units=3), "Dense' is no part"),
        (add_layer("TFSMLayer", filepath="/tmp"), "TFSMLayer' is no part"),
        (add_layer("StringLookup", vocabulary="/etc/passwd"), "StringLookup' is no part"),
        (add_function, "os.function' is no part"),
        (widen, "weights"),
        (enlarge, "'up' makes 313,600 numbers of an image"),
        (add_many, "it has 310 layers"),
        (add_layer("Sequential", layers=[]), "it holds a model inside"),
        (add_layer("Activation", activation=MODEL), "keras.Sequential' is no part"),
        (add_layer("PReLU", alpha_initializer=constant(MODEL)), "keras.Sequential' is no part"),
        (add_layer("Dense", units=10**9), "'units' is 1,000,000,000, and 250,000 at most"),
        (add_layer("MaxPooling2D", pool_size=2**31 - 1), "'pool_size' is 2,147,483,647"),
        (add_layer("Conv2D", filters=1, kernel_size=[475, 475]), "'kernel_size' is 475"),
        (add_layer("Conv2D", filters=1, dilation_rate=20_000), "'dilation_rate' is 20,000"),
        (add_layer("SeparableConv2D", depth_multiplier=500), "'depth_multiplier' is 500"),
        (add_layer("Rescaling", scale=[[[1]]]), "'scale' is a list of 1"),
        (add_layer("Rescaling", scale=float("inf")), "'scale' is no number"),
        (add_layer("Dense", quantization_config=[[]] * 10_000), "a list of 10,000"),
        (add_layer("ReLU", words={"a": 1}), "'words' is a dictionary"),
        (add_layer("ReLU", dtype="complex64"), "it calculates with 'complex64'"),
        (add_layer("ReLU", dtype=policy("string")), "it calculates with 'string'"),
        (add_layer("ReLU", data_format="channels_first"), "channels do not come last"),
        (add_layer("R" * 100_000), "R… *"),
        (add_layer("ReLU", text="R" * 100_000), "'text' is a text of 100,000 characters"),
        (add_layer("Dense", kernel_initializer="orthogonal"), "'orthogonal' is no part"),
        (add_layer("R\n\x1b[2J\ud800"), r"'keras\.layers\.R\?\?\[2J\?' is no part"),
        (share_ids, "'shared_object_id' stands at"),
        (share_initializers, "'shared_object_id' stands at 'Zeros'"),
        (name_twice, "does not tell one layer from another"),
        (build_large, "'build_config' is 1,000,000,000"),
        (build_long, "'build_config' holds 1,0.. numbers"),
        (add_layer("Reshape", target_shape=[[1] * 1000]), "'target_shape' is a list of 1,000"),
        (work_hard, "multiplications to read an image"),
    ],
)
def test_configs_that_ask_for_more_are_refused(parts, tmp_path, change, message):
    path = write(parts, tmp_path / "bad.keras", config=change_config(parts, change))
    expect_refusal(path, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (add_external, "'away' is a link"),
        (add_soft_link, "'away' is a link"),
        (add_raw_storage, "'away' lies in another file"),
        (add_virtual, "'away' lies in another file"),
        (add_objects, "'objects' holds no numbers"),
        (declare_much, "'much' is stored in chunks"),
        (add_loop, "'again' stands in it twice"),
        (declare_small, "arrays would be 44,000,000 bytes large"),
        (declare_twice, "arrays would be .* bytes large"),
        (repeat_names, "'weight_names' holds a name twice"),
        (lengthen_names, "'weight_names' is longer than any model's"),
        (name_by_number, "'weight_names' is no text"),
        (name_much, "'/layers' has too many attributes"),
        (tell_type, "gives 'tell' no attributes"),
        (make_choices, "'choices' holds no numbers"),
        (give_type, "'type' holds no numbers"),
    ],
)
def test_weights_that_reach_elsewhere_are_refused(parts, tmp_path, change, message):
    weights = change_weights(parts, change)
    path = write(parts, tmp_path / "bad.keras", weights=weights)
    expect_refusal(path, message)
    save_model(build_model(RECIPES["fast"]), tmp_path / "bad.h5")
    with h5py.File(tmp_path / "bad.h5", "a") as file:
        if "layers" not in file:
            file.create_group("layers")
        change(file)
    expect_refusal(tmp_path / "bad.h5", message)


@pytest.mark.skipif(sys.platform != "linux", reason="HDF5 takes the memory elsewhere")
def test_texts_that_are_called_long_take_no_memory(tmp_path):
    path = tmp_path / "long.h5"
    save_model(build_model(RECIPES["logistic"]), path)
    content = bytearray(path.read_bytes())
    places = [match.start() for match in re.finditer(b"GCOL\1", content)]
    references = [
        match.start()
        for place in places
        for match in re.finditer(struct.pack("<Q", place), content)
    ]
    assert len(references) > 4
    for reference in references:  # the text's length stands before the place of its heap
        content[reference - 1] = 255
    path.write_bytes(content)
    expect_refusal(path, "cannot be loaded")


def test_archives_that_hold_more_are_refused(parts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    npz = io.BytesIO()
    np.savez(npz, weights=np.array([Exploit()], object))
    for number, (changes, message) in enumerate(
        [
            ({"../../evil": b"x"}, "the archive holds '../../evil'"),
            ({"/etc/evil": b"x"}, "the archive holds '/etc/evil'"),
            ({"assets/words.txt": b"x"}, "the archive holds 'assets/words.txt'"),
            ({"weights": None, "model.weights.npz": npz.getvalue()}, "model.weights.h5 is missing"),
            ({"model.weights.npz": npz.getvalue()}, "the archive holds 'model.weights.npz'"),
            ({"weights": pickle.dumps(Exploit())}, "cannot be loaded"),
            ({"weights": bytes(60 * 2**20)}, "is larger than any digit reader"),
            ({"config": b" " * 2**19}, "config.json would be 524,288 bytes"),
            ({"config": b"[" * 10**5}, "cannot be loaded"),
            ({"config": b"{}"}, "cannot be loaded"),
            ({"config": b"\xff"}, "cannot be loaded"),
            ({"metadata": b"[]"}, "cannot be loaded"),
            ({"weights": None}, "model.weights.h5 is missing"),
        ]
    ):
        path = write(parts, tmp_path / f"{number}.keras", **changes)
        expect_refusal(path, message)
    assert not PROOF.exists()
    pickle.loads(pickle.dumps(Exploit()))  # so the absence proves something
    assert PROOF.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak anew")
def test_the_bounds_of_these_tests_are_real():
    np.ones(10**8)  # an earlier peak hides no later one
    with pytest.raises(AssertionError), bounded(megabytes=50):
        np.ones(10**7)
    with pytest.raises(AssertionError), bounded(seconds=0.1):
        sum(range(10**7))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_text_that_grows_without_end_is_not_unpacked(parts, tmp_path, method):
    path = write(parts, tmp_path / "bomb.keras", config=None)
    with zipfile.ZipFile(path, "a") as archive:
        member = zipfile.ZipInfo("config.json")
        member.compress_type = method
        with archive.open(member, "w") as file:
            for _ in range(400):
                file.write(bytes(2**20))
        member.file_size = 100  # what it tells
    expect_refusal(path, "config.json is compressed")


def test_a_name_twice_is_refused(parts, tmp_path):
    path = write(parts, tmp_path / "twice.keras")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("config.json", b"{}")
    expect_refusal(path, "the archive holds a name twice")


def test_long_listings_are_refused_unread(parts, tmp_path):
    path = write(parts, tmp_path / "listing.keras")
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(2000):
            archive.writestr(f"{number}", b"")
    expect_refusal(path, "its listing is larger")
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"PK\5\6"
    expect_refusal(path, "no zip archive|its listing is larger")


def test_long_texts_in_hdf5_are_refused_unread(tmp_path):
    path = tmp_path / "long.h5"
    for name, value, message in (
        ("model_config", "[" + "[]," * 500_000 + "[]]", "its texts would be 1,5.* bytes long"),
        ("model_config", np.bytes_(b"[" * 2**19), "'model_config' is longer than any model's"),
        ("model_config", ["{}", "{}"], "'model_config' is no text"),
    ):
        with h5py.File(path, "w", libver="latest") as file:
            file.attrs[name] = value
        expect_refusal(path, message)


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """As `parts`, of a model that is a graph: image, double, flat, answer."""
    image = keras.Input((28, 28, 1), name="image")
    double = keras.layers.Add(name="double")([image, image])
    flat = keras.layers.Flatten(name="flat")(double)
    model = keras.Model(image, keras.layers.Dense(10, "softmax", name="answer")(flat))
    path = tmp_path_factory.mktemp("graph") / "graph.keras"
    save_model(model, path)
    return read_parts(path)


def hide_layer(config, name="hidden"):
    config["layers"].append(
        {
            "module": "keras.layers",
            "class_name": "Dense",
            "config": {"name": name, "units": 9999},
            "registered_name": None,
            "build_config": {"input_shape": [None, 1000]},
            "name": "hidden",
            "inbound_nodes": [],
        }
    )


def hide_layer_by_name(config):
    hide_layer(config, "answer")


def share_layer(config):
    config["layers"][1]["inbound_nodes"] *= 2


def turn_round(config):
    config["layers"].reverse()


def take_often(config):
    tensors = config["layers"][1]["inbound_nodes"][0]["args"][0]
    tensors *= 100


def take_numbers(config):
    config["layers"][2]["inbound_nodes"][0]["args"][0]["class_name"] = "__numpy__"


def train_for_ever(config):
    config["layers"][2]["inbound_nodes"][0]["kwargs"] = {"training": True}


def train_as_keras_2_told(config):
    config["layers"][2]["inbound_nodes"] = [[["double", 0, 0, {"training": True}]]]


def join_images(config):
    config["layers"][1].update(class_name="Concatenate", build_config=None)
    config["layers"][1]["config"] = {"name": "double", "axis": 0}


def answer_by_name(config):
    config["output_layers"] = {"answer": config["output_layers"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (hide_layer, "a layer that leads nowhere"),
        (hide_layer_by_name, "'answer' does not tell one layer from another"),
        (share_layer, "it uses a layer several times"),
        (turn_round, "do not stand in their order"),
        (take_often, "or take too much"),
        (take_numbers, "takes something else than layers make"),
        (train_for_ever, "is told more than what to take"),
        (train_as_keras_2_told, "is told more than what to take"),
        (join_images, "does not give each image an answer of its own"),
        (answer_by_name, "'output_layers' is a dictionary"),
    ],
)
def test_graphs_that_mislead_are_refused(graph, tmp_path, change, message):
    load_model(write(graph, tmp_path / "good.keras"))
    config = json.loads(graph["config.json"])
    change(config["config"])
    expect_refusal(write(graph, tmp_path / "bad.keras", config=json.dumps(config)), message)


def test_files_that_are_too_large_are_refused_unread(tmp_path):
    path = tmp_path / "large.keras"
    with path.open("wb") as file:
        file.truncate(10**12)  # takes no room on the disk
    expect_refusal(path, "1,000,000,000,000 bytes")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_damaged_files_are_refused(tmp_path, suffix):
    path = tmp_path / f"digits{suffix}"
    save_model(build_model(RECIPES["logistic"]), path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for number in range(60):
        damaged = bytearray(whole)
        if number % 2:
            damaged = damaged[: rng.integers(len(whole))]
        else:
            for place in rng.integers(len(whole), size=20):
                damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            with bounded():
                load_model(path)  # a changed weight may well pass
        except ModelError:
            refused += 1
    assert refused >= 30


def test_a_file_of_a_newer_keras_says_so(parts, tmp_path):
    metadata = json.dumps({"keras_version": "99.1.0"})
    config = change_config(parts, lambda layers: layers[1]["config"].update(novelty=1))
    path = write(parts, tmp_path / "new.keras", config=config, metadata=metadata)
    expect_refusal(path, r"was made by Keras 99\.1, newer.*pip install --upgrade")
    load_model(write(parts, tmp_path / "known.keras", metadata=metadata))
    metadata = json.dumps({"keras_version": "9" * 5000 + ".1"})
    expect_refusal(write(parts, path, config=config, metadata=metadata), "cannot be loaded")


def test_other_models_of_plain_layers_are_loaded(tmp_path):
    image = keras.Input((28, 28, 1))
    first = keras.layers.Conv2D(4, 3, kernel_regularizer="l2", activation="relu")(image)
    second = keras.layers.Conv2D(4, 3, kernel_constraint=keras.constraints.MaxNorm(2))(image)
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()([first, second]))
    model = keras.Model(image, keras.layers.Dense(10, activation="softmax")(pooled))
    model.compile("adam", "sparse_categorical_crossentropy")
    images = np.random.default_rng(0).random((6, 28, 28, 1), np.float32)
    for suffix in (".keras", ".h5"):
        save_model(model, tmp_path / f"own{suffix}")
        loaded = load_model(tmp_path / f"own{suffix}")
        assert np.array_equal(loaded.predict(images), model.predict(images))
        loaded.compile("adam", "sparse_categorical_crossentropy")
        before = loaded.get_weights()[0].copy()
        loaded.fit(images, np.arange(6), verbose=0)
        assert not np.array_equal(loaded.get_weights()[0], before)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_model_of_many_kinds_of_layers_is_loaded(tmp_path, suffix):
    kinds = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            kinds.Rescaling(1 / 255),
            kinds.RandomRotation(0.1),
            kinds.RandomTranslation((-0.1, 0.1), 0.1),
            kinds.Conv2D(8, 3, padding="same", kernel_initializer="he_normal"),
            kinds.LeakyReLU(),
            kinds.ZeroPadding2D(((1, 2), (3, 4))),
            kinds.Cropping2D(1),
            kinds.SeparableConv2D(8, 3, dtype="mixed_bfloat16"),
            kinds.DepthwiseConv2D(3, dilation_rate=2),
            kinds.UpSampling2D(2),
            kinds.Conv2DTranspose(4, 3, strides=2),
            kinds.PReLU(shared_axes=[1, 2]),
            kinds.GroupNormalization(2),
            kinds.LayerNormalization(),
            kinds.SpatialDropout2D(0.1),
            kinds.Reshape((-1,)),
            kinds.Dense(10, activation=kinds.LeakyReLU()),
            kinds.Softmax(),
        ]
    )
    save_model(model, tmp_path / f"many{suffix}")
    loaded = load_model(tmp_path / f"many{suffix}")
    images = np.random.default_rng(0).random((3, 28, 28, 1), np.float32)
    assert np.array_equal(loaded(images, training=False), model(images, training=False))
