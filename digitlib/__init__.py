"""digitlib: the helper package of the lesson `Digit_recognizer.ipynb`.

Every public name can be imported from here: `from digitlib import load_mnist`. Its module is
loaded when the name is first used, so that `import digitlib` costs nothing and only work that
needs Keras waits for Keras. It also asks for TensorFlow's fast kernels, since TensorFlow reads this
setting only once, when it is imported.
"""

from importlib import import_module

from digitlib.startup import ask_for_fast_kernels

ask_for_fast_kernels()

_MODULE_OF = {
    "start_keras": "startup",
    "IMAGE_SIZE": "data",
    "LABEL_ERRORS": "data",
    "NUM_CLASSES": "data",
    "Mnist": "data",
    "Split": "data",
    "hold_out": "data",
    "load_mnist": "data",
    "one_hot_labels": "images",
    "preprocess_images": "images",
    "shift_images": "images",
    "MAX_PIXELS": "pictures",
    "read_picture": "pictures",
    "Steps": "handwriting",
    "explain_steps": "handwriting",
    "image_to_digit": "handwriting",
    "Digit": "reading",
    "Reading": "reading",
    "read_digits": "reading",
    "OVERRIDES": "recipes",
    "RECIPES": "recipes",
    "SCHEDULES": "recipes",
    "Recipe": "recipes",
    "build_model": "recipes",
    "override_recipe": "recipes",
    "Run": "training",
    "build_augmentation": "augmentation",
    "make_strangers": "synthetic",
    "make_variants": "synthetic",
    "train_model": "training",
    "Ensemble": "evaluation",
    "Mistakes": "evaluation",
    "Report": "evaluation",
    "Calibration": "evaluation",
    "Comparison": "evaluation",
    "calibrate_model": "evaluation",
    "compare_answers": "evaluation",
    "evaluate_model": "evaluation",
    "measure_calibration": "evaluation",
    "predict_digits": "evaluation",
    "predict_probabilities": "evaluation",
    "wilson_interval": "evaluation",
    "apply_convolution": "explain",
    "apply_pooling": "explain",
    "compute_feature_maps": "explain",
    "compute_grad_cam": "explain",
    "compute_occlusion": "explain",
    "convolve2d": "explain",
    "try_variants": "faults",
    "train_faulty": "faults",
    "Picture": "figures",
    "show_figure": "figures",
    "plot_curves": "curves",
    "plot_histories": "curves",
    "plot_learning_curves": "curves",
    "plot_robustness": "curves",
    "plot_convolution": "diagrams",
    "plot_focus": "diagrams",
    "plot_maps": "diagrams",
    "plot_network": "diagrams",
    "plot_pixels": "diagrams",
    "plot_class_counts": "plots",
    "plot_confusion": "plots",
    "plot_mistakes": "plots",
    "plot_reading": "plots",
    "plot_recipes": "plots",
    "plot_reliability": "plots",
    "plot_samples": "plots",
    "plot_steps": "plots",
    "explore_convolution": "explorer",
    "DrawingPad": "pad",
    "check_answer": "exercises",
    "check_convolve2d": "exercises",
    "check_layer": "exercises",
    "check_max_pool": "exercises",
    "check_output_size": "exercises",
    "check_relu": "exercises",
    "check_small_network": "exercises",
    "check_softmax": "exercises",
    "check_summary": "exercises",
    "record_prediction": "exercises",
    "reveal_prediction": "exercises",
    "check_destination": "storage",
    "load_model": "storage",
    "INCLUDED_MODELS": "storage",
    "read_record": "storage",
    "save_model": "storage",
    "Agreement": "exports",
    "compare_exported": "exports",
    "export_model": "exports",
    "load_exported": "exports",
    "read_results": "results",
    "summarize_results": "results",
    "sweep_recipes": "sweep",
    "Tuning": "tuning",
    "tune_recipe": "tuning",
}
__all__ = list(_MODULE_OF)


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'digitlib' has no attribute {name!r}")
    return getattr(import_module(f"digitlib.{_MODULE_OF[name]}"), name)


def __dir__():
    return [*globals(), *__all__]
