"""The public names: what the lesson and README use. The rest is imported from its module."""

from .data import (
    Split as Split,
)
from .data import (
    hold_out as hold_out,
)
from .data import (
    load_mnist as load_mnist,
)
from .evaluation import (
    compare_predictions as compare_predictions,
)
from .evaluation import (
    evaluate_model as evaluate_model,
)
from .evaluation import (
    predict_digits as predict_digits,
)
from .evaluation import (
    predict_probabilities as predict_probabilities,
)
from .exercises.check import (
    check_answer as check_answer,
)
from .exercises.check import (
    check_convolve2d as check_convolve2d,
)
from .exercises.check import (
    check_layer as check_layer,
)
from .exercises.check import (
    check_max_pool as check_max_pool,
)
from .exercises.check import (
    check_output_size as check_output_size,
)
from .exercises.check import (
    check_relu as check_relu,
)
from .exercises.check import (
    check_small_network as check_small_network,
)
from .exercises.check import (
    check_softmax as check_softmax,
)
from .exercises.check import (
    check_summary as check_summary,
)
from .exercises.check import (
    record_prediction as record_prediction,
)
from .exercises.check import (
    reveal_prediction as reveal_prediction,
)
from .experiments.results import (
    read_results as read_results,
)
from .experiments.results import (
    summarize_results as summarize_results,
)
from .explain import (
    apply_convolution as apply_convolution,
)
from .explain import (
    apply_pooling as apply_pooling,
)
from .explain import (
    compute_feature_maps as compute_feature_maps,
)
from .explain import (
    compute_grad_cam as compute_grad_cam,
)
from .explain import (
    compute_occlusion as compute_occlusion,
)
from .explain import (
    convolve2d as convolve2d,
)
from .figures.convolution import (
    plot_convolution as plot_convolution,
)
from .figures.convolution import (
    plot_focus as plot_focus,
)
from .figures.convolution import (
    plot_maps as plot_maps,
)
from .figures.convolution import (
    plot_network as plot_network,
)
from .figures.convolution import (
    plot_pixels as plot_pixels,
)
from .figures.curves import (
    plot_curves as plot_curves,
)
from .figures.curves import (
    plot_histories as plot_histories,
)
from .figures.curves import (
    plot_learning_curves as plot_learning_curves,
)
from .figures.curves import (
    plot_robustness as plot_robustness,
)
from .figures.explorer import explore_convolution as explore_convolution
from .figures.plots import (
    plot_class_counts as plot_class_counts,
)
from .figures.plots import (
    plot_confusion as plot_confusion,
)
from .figures.plots import (
    plot_mistakes as plot_mistakes,
)
from .figures.plots import (
    plot_reading as plot_reading,
)
from .figures.plots import (
    plot_recipes as plot_recipes,
)
from .figures.plots import (
    plot_reliability as plot_reliability,
)
from .figures.plots import (
    plot_samples as plot_samples,
)
from .figures.plots import (
    plot_steps as plot_steps,
)
from .figures.show import show as show
from .handwriting.digit import explain_steps as explain_steps
from .handwriting.pad import DrawingPad as DrawingPad
from .handwriting.reading import read_digits as read_digits
from .images import (
    one_hot_labels as one_hot_labels,
)
from .images import (
    preprocess_images as preprocess_images,
)
from .images import (
    shift_images as shift_images,
)
from .models.storage import (
    load_model as load_model,
)
from .models.storage import (
    save_model as save_model,
)
from .startup import start_keras as start_keras
from .training.augmentation import build_augmentation as build_augmentation
from .training.faults import (
    train_faulty as train_faulty,
)
from .training.faults import (
    try_variants as try_variants,
)
from .training.networks import (
    RECIPES as RECIPES,
)
from .training.networks import (
    override_recipe as override_recipe,
)
from .training.train import train_model as train_model
