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
from digitlib.models import guard, storage
from digitlib.models.guard import ModelError
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
    add_layer("MaxPooling2D", pool_size=32, name="down2")(layers)
    add_layer("MaxPooling2D", pool_size=32, name="down")(layers)
    add_layer("UpSampling2D", size=32, name="up2")(layers)
    add_layer("UpSampling2D", size=32, name="up")(layers)


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


def repeat_names(file):
    file["layers"].attrs["weight_names"] = ["kernel"] * 2


def repeat_by_path(file):
    file["layers"].attrs["weight_names"] = ["kernel", "./kernel"]


def repeat_over_lists(file):
    for number in range(2):
        file["layers"].attrs[f"weight_names{number}"] = ["kernel"]


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
        (add_layer("Lambda", function="run"), "a Lambda layer, whose Python code"),
        (add_layer("Own", module="own.package"), r"layer own\.package\.Own"),
        (add_layer("Dense", module="own.package", units=3), r"layer own\.package\.Dense"),
        (add_layer("Dense", registered="own>Dense", units=3), "layer own>Dense"),
        (add_layer("TFSMLayer", filepath="/tmp"), "layer TFSMLayer"),
        (add_layer("StringLookup", vocabulary="/etc/passwd"), "layer StringLookup"),
        (add_function, r"a Python function as activation \('system'\)"),
        (widen, "too large: its weights take"),
        (enlarge, "an image would take .* multiplications"),
        (add_many, "more than 150 layers"),
        (add_layer("Activation", activation=MODEL), "activation Sequential"),
        (add_layer("PReLU", alpha_initializer=constant(MODEL)), "value Sequential"),
        (add_layer("Dense", units=10**9), "'units' of 1,000,000,000, but 250,000"),
        (add_layer("MaxPooling2D", pool_size=2**31 - 1), "'pool_size' of 2,147,483,647"),
        (add_layer("Conv2D", filters=1, kernel_size=[475, 475]), "'kernel_size' of 475"),
        (add_layer("Conv2D", filters=1, dilation_rate=20_000), "'dilation_rate' of 20,000"),
        (add_layer("SeparableConv2D", depth_multiplier=500), "'depth_multiplier' of 500"),
        (add_layer("Rescaling", scale=float("inf")), "'scale' of inf"),
        (add_layer("Dense", units=3, quantization_config=[[]] * 10_000), "cannot be loaded"),
        (add_layer("ReLU", words={"a": 1}), "Unrecognized keyword .*'words'"),
        (add_layer("ReLU", dtype="complex64"), "numbers of type 'complex64'"),
        (add_layer("ReLU", dtype=policy("string")), "numbers of type 'string'"),
        (add_layer("ReLU", data_format="channels_first"), "channels come before rows and columns"),
        (add_layer("R" * 100_000), "layer R+…"),
        (add_layer("ReLU", text="R" * 100_000), "'text' as a string of 100,000 characters"),
        (add_layer("Dense", units=3, kernel_initializer="no\x1b[2J"), r"interpret .*no\?\[2J"),
        (add_layer("R\n\x1b[2J\ud800"), r"layer R\?\?\[2J\?"),
        (share_ids, "'Conv2D' are to be the same object"),
        (name_twice, "should have unique names"),
        (add_layer("Reshape", target_shape=[[1] * 1000]), "cannot be loaded"),
    ],
)
def test_configs_that_ask_for_more_are_refused(parts, tmp_path, change, message):
    path = write(parts, tmp_path / "bad.keras", config=change_config(parts, change))
    expect_refusal(path, message)


def test_a_loop_in_the_weights_does_no_harm(parts, tmp_path):
    path = write(parts, tmp_path / "loop.keras", weights=change_weights(parts, add_loop))
    with bounded():
        load_model(path)


@pytest.mark.parametrize("change", [share_initializers, build_large, build_long])
def test_what_keras_works_out_anew_does_no_harm(parts, tmp_path, change):
    path = write(parts, tmp_path / "odd.keras", config=change_config(parts, change))
    with bounded():
        loaded = load_model(path)
    expected = load_model(write(parts, tmp_path / "good.keras"))
    assert np.array_equal(loaded.get_weights()[0], expected.get_weights()[0])


def work_hard():
    kinds = keras.layers
    windows = [kinds.MaxPooling2D(32, strides=1, padding="same") for _ in range(3)]
    return [kinds.UpSampling2D(15), *windows, kinds.GlobalMaxPooling2D()]


def multiply_shapes(image):
    for axes in (4, 5):  # Keras says that a Rescaling keeps the shape
        image = keras.layers.Rescaling(np.ones((1000, *[1] * axes)).tolist())(image)
    return keras.layers.GlobalMaxPooling2D()(image)


def pad_to_a_line(image):
    line = keras.layers.Resizing(1, 200_000, pad_to_aspect_ratio=True)(image)
    return keras.layers.GlobalMaxPooling2D()(line)


def attend_to_all(image):
    pixels = keras.layers.Reshape((784, 1))(image)
    long = keras.layers.UpSampling1D(32)(pixels)
    return keras.layers.Flatten()(keras.layers.MultiHeadAttention(8, 8)(long, long))[:, :10]


def nest_and_pile_up(image):
    inner = keras.Model(image, keras.layers.Conv2D(2, 3)(image))
    pile = [inner, *[keras.layers.ReLU() for _ in range(140)], keras.layers.GlobalMaxPooling2D()]
    return keras.Sequential(pile)(image)


def dilate(image):
    many = keras.layers.Conv2D(250, 3, padding="same")(image)
    wide = keras.layers.Conv2D(1, 32, dilation_rate=8, padding="same")(many)
    return keras.layers.Flatten()(wide)


def unroll(image):
    rows = keras.layers.Reshape((112, 7))(image)
    return keras.layers.LSTM(8, unroll=True)(rows)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (work_hard, "an image would take .* multiplications"),
        (multiply_shapes, ""),
        (pad_to_a_line, ""),
        (attend_to_all, ""),
        (nest_and_pile_up, None),
        (dilate, ""),
        (unroll, "is unrolled"),
    ],
)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_models_that_take_much_work_are_refused(tmp_path, make, message, suffix):
    path, last = tmp_path / f"hard{suffix}", keras.layers.Dense(10)
    if make is work_hard:
        model = keras.Sequential([keras.Input((28, 28, 1)), *work_hard(), last])
    else:
        image = keras.Input((28, 28, 1))
        made = make(image)
        model = keras.Model(image, last(made))
    model.save(path)
    if message is None:  # much, but within the bounds
        with bounded():
            load_model(path)
    else:
        expect_refusal(path, message)


@pytest.mark.parametrize("key", ["jit_compile", "run_eagerly", "training", "stateful", "dtype"])
@pytest.mark.parametrize("place", ["model", "network", "layer"])
def test_no_setting_changes_predictions_between_two_ways_of_running(parts, tmp_path, key, place):
    config = json.loads(parts["config.json"])
    places = {"model": config, "network": config["config"]}
    values = places.get(place, config["config"]["layers"][1]["config"])
    values[key] = "float16" if key == "dtype" else True
    config["compile_config"] = {"jit_compile": True, "optimizer": "adam", "loss": "mse"}
    path = write(parts, tmp_path / "odd.keras", config=json.dumps(config))
    try:
        with bounded():
            loaded = load_model(path)
    except ModelError:
        return
    images = np.random.default_rng(0).random((5, 28, 28, 1), np.float32)
    expected = loaded(images, training=False)
    assert not loaded.compiled
    assert not loaded.jit_compile
    for predictions in (loaded(images), loaded(images), loaded.predict(images, verbose=0)):
        assert np.allclose(predictions, expected, atol=1e-3)


def test_what_was_checked_is_what_is_loaded(parts, tmp_path, monkeypatch):
    path = write(parts, tmp_path / "digits.keras")
    expected = load_model(path).get_weights()
    build = storage.load_checked

    def build_after_a_swap(contents):
        path.write_bytes(b"something else")
        return build(contents)

    monkeypatch.setattr(storage, "load_checked", build_after_a_swap)
    for one, other in zip(load_model(path).get_weights(), expected, strict=True):
        assert np.array_equal(one, other)


def test_the_state_of_the_caller_is_left_alone(parts, tmp_path, monkeypatch):
    path = write(parts, tmp_path / "digits.keras")
    names = [keras.layers.Dense(1).name]
    keras.config.set_dtype_policy("mixed_float16")
    try:
        with keras.StatelessScope():
            loaded = load_model(path)
    finally:
        keras.config.set_dtype_policy("float32")
    names.append(keras.layers.Dense(1).name)
    number = int(names[0].rpartition("_")[2]) if "_" in names[0] else 0
    assert names[1] == f"dense_{number + 1}"
    assert loaded.layers[0].compute_dtype == "float32"
    if sys.platform == "linux":  # no other thread may run out of memory meanwhile
        import resource

        monkeypatch.setattr(resource, "setrlimit", None)
        load_model(path)


def test_loading_ends_after_some_time(parts, tmp_path, monkeypatch):
    path = write(parts, tmp_path / "digits.keras")
    monkeypatch.setattr(guard, "_MOST_SECONDS", 0.001)
    expect_refusal(path, "takes longer than 0.001 seconds")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (add_external, "'away' is a link"),
        (add_soft_link, "'away' is a link"),
        (add_raw_storage, "'away' lies in another file"),
        (add_virtual, "'away' lies in another file|a string in it would be"),
        (add_objects, "'objects' holds no numbers"),
        (declare_much, "'much' is stored in chunks"),
        (declare_small, "arrays would be 44,[0-9]{3},[0-9]{3} bytes large"),
        (declare_twice, "arrays would be .* bytes large"),
        (repeat_names, "'/layers' names an array twice"),
        (repeat_by_path, "'/layers' names an array twice"),
        (repeat_over_lists, "'/layers' names an array twice"),
        (lengthen_names, "'weight_names' is longer than in any model"),
        (name_by_number, "'weight_names' is not a string"),
        (name_much, r"'weight_names\d+' is longer than in any model"),
        (tell_type, "'tell' is stored in chunks, or has attributes"),
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
    expect_refusal(path, "a string in it would be 4,278,190,0.. bytes long")


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
            ({"weights": bytes(60 * 2**20)}, "is too large: 62,9.* bytes"),
            ({"config": b" " * 2**19}, "config.json takes 524,288 bytes"),
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
    expect_refusal(path, "not a zip archive|its listing is larger")


def test_long_texts_in_hdf5_are_refused_unread(tmp_path):
    path = tmp_path / "long.h5"
    for version, value, message in (
        ("earliest", "[" + "[]," * 500_000 + "[]]", "its strings would be 1,5.* bytes long"),
        ("latest", np.bytes_(b"[" * 2**19), "Keras never writes this layout"),
        ("earliest", ["{}", "{}"], "'model_config' is not a string"),
    ):
        with h5py.File(path, "w", libver=version) as file:
            file.attrs["model_config"] = value
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
        (hide_layer, "a layer whose output is not used"),
        (hide_layer_by_name, "a layer whose output is not used"),
        (share_layer, "it uses a layer several times"),
        (turn_round, "layers are out of order"),
        (take_numbers, "args __numpy__"),
        (train_for_ever, "stays in training mode"),
        (train_as_keras_2_told, "stays in training mode"),
        (join_images, "it does not predict several images at once"),
    ],
)
def test_graphs_that_mislead_are_refused(graph, tmp_path, change, message):
    load_model(write(graph, tmp_path / "good.keras"))
    config = json.loads(graph["config.json"])
    change(config["config"])
    expect_refusal(write(graph, tmp_path / "bad.keras", config=json.dumps(config)), message)


@pytest.mark.parametrize("change", [take_often, answer_by_name])
def test_graphs_that_are_odd_but_harmless_are_loaded(graph, tmp_path, change):
    config = json.loads(graph["config.json"])
    change(config["config"])
    with bounded():
        load_model(write(graph, tmp_path / "odd.keras", config=json.dumps(config)))


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
