"""digitlib: the helper package of the lesson `Digit_recognizer.ipynb`.

Every public name can be imported from here: `from digitlib import load_mnist`. Its module is
loaded when the name is first used, so that `import digitlib` costs nothing and only work that
needs Keras waits for Keras.
"""

from importlib import import_module

_MODULE_OF = {
    "start_keras": "startup",
    "IMAGE_SIZE": "data",
    "NUM_CLASSES": "data",
    "Mnist": "data",
    "Split": "data",
    "hold_out": "data",
    "load_mnist": "data",
    "one_hot_labels": "images",
    "preprocess_images": "images",
    "read_image": "images",
    "OVERRIDES": "recipes",
    "RECIPES": "recipes",
    "SCHEDULES": "recipes",
    "Recipe": "recipes",
    "build_model": "recipes",
    "override_recipe": "recipes",
    "Run": "training",
    "build_augmentation": "training",
    "train_model": "training",
    "Mistakes": "evaluation",
    "Report": "evaluation",
    "Comparison": "evaluation",
    "compare_answers": "evaluation",
    "evaluate_model": "evaluation",
    "predict_digits": "evaluation",
    "predict_probabilities": "evaluation",
    "wilson_interval": "evaluation",
    "Picture": "figures",
    "show_figure": "figures",
    "plot_class_counts": "plots",
    "plot_confusion": "plots",
    "plot_learning_curves": "plots",
    "plot_mistakes": "plots",
    "plot_recipes": "plots",
    "plot_samples": "plots",
    "check_destination": "storage",
    "load_model": "storage",
    "save_model": "storage",
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
