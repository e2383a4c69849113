"""What the machine is, and how fast it can be at most."""

import platform
import time
from pathlib import Path

import joblib
import numpy as np

# Lets a processor with AVX-512 work as one without it: oneDNN (in TensorFlow and PyTorch),
# PyTorch's own loops, MKL, and OpenBLAS (in NumPy).
WITHOUT_AVX512 = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}


def describe_processor():
    """The processor's name, cores for this process, and whether it has AVX-512 VNNI."""
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


def measure_peak(size=4096, repeats=5):
    """The most float32 operations a second, in thousand millions, that a matrix product reaches.

    A product of two large matrices is what processors and their libraries are best at.
    """
    left, right = np.random.default_rng(0).random((2, size, size), dtype=np.float32)
    best = np.inf
    for _ in range(repeats):
        started = time.perf_counter()
        left @ right
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best / 1e9


def count_operations(model):
    """Multiplications and additions of a network for one image: forwards, and in training.

    Only convolutions and dense layers are counted: the rest is small. In training, each of them
    also calculates the gradient of its weights and of its inputs, each as much work again; nobody
    needs the gradient of the image.

    Args:
        model: a `keras.Sequential` whose first layer with weights is dense or a convolution.

    Returns:
        Two ints: for a prediction, and for a training step's share of one image.
    """
    forwards = []
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            places = np.prod(layer.output.shape[1:-1], dtype=int)  # 1 for a dense layer
            forwards.append(2 * int(np.prod(kernel.shape)) * int(places))
    return sum(forwards), 3 * sum(forwards) - forwards[0]
