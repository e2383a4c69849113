"""Measure the peak speed of the machine, and count what a network needs of it."""

import time

import numpy as np

# These variables stop oneDNN (in TensorFlow and PyTorch), PyTorch's own loops, MKL and OpenBLAS (in
# NumPy) from using AVX-512.
WITHOUT_AVX512 = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}


def measure_peak(size=4096, repeats=5):
    """Measures the peak speed of a float32 matrix product in GFLOP/s, 10**9 operations per second.

    Hardly any program uses a processor better than the product of two large matrices.
    """
    left, right = np.random.default_rng(0).random((2, size, size), dtype=np.float32)
    best = np.inf
    for _ in range(repeats):
        started = time.perf_counter()
        left @ right
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best / 1e9


def count_operations(model):
    """Counts the multiplications and additions of a network for one image.

    Counts convolutions and dense layers only: the rest is small. Backpropagation computes two
    gradients per layer, for the weights and for the inputs, and each costs as much as the forward
    pass. The first layer skips the second one, because nothing needs the gradient of the image.

    Args:
        model: a `keras.Sequential` whose first layer with weights is dense or a convolution.

    Returns:
        Two ints: operations for predicting one image, and for training on it.
    """
    forwards = []
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is not None:
            places = np.prod(layer.output.shape[1:-1], dtype=int)  # 1 for a dense layer
            forwards.append(2 * int(np.prod(kernel.shape)) * int(places))
    return sum(forwards), 3 * sum(forwards) - forwards[0]
