"""The public names: what the lesson and README use. The rest is imported from its module."""

from .data import (
    Split as Split,
    hold_out as hold_out,
    load_mnist as load_mnist,
)
from .evaluation import (
    evaluate_model as evaluate_model,
    predict_digits as predict_digits,
    predict_probabilities as predict_probabilities,
)
from .exercises.check import (
    check_answer as check_answer,
    check_summary as check_summary,
    record_prediction as record_prediction,
    reveal_prediction as reveal_prediction,
)
from .experiments.results import (
    read_results as read_results,
    summarize_results as summarize_results,
)
from .explain import (
    apply_convolution as apply_convolution,
    apply_pooling as apply_pooling,
    compute_feature_maps as compute_feature_maps,
    compute_grad_cam as compute_grad_cam,
    compute_occlusion as compute_occlusion,
    convolve2d as convolve2d,
)
from .figures.convolution import (
    plot_convolution as plot_convolution,
    plot_pixels as plot_pixels,
)
from .figures.curves import (
    plot_curves as plot_curves,
    plot_descent as plot_descent,
    plot_robustness as plot_robustness,
)
from .figures.explorer import (
    explore_convolution as explore_convolution,
)
from .figures.gallery import (
    plot_mistakes as plot_mistakes,
    plot_samples as plot_samples,
)
from .figures.handwriting import (
    plot_reading as plot_reading,
    plot_stages as plot_stages,
    plot_steps as plot_steps,
)
from .figures.histories import (
    plot_histories as plot_histories,
    plot_learning_curves as plot_learning_curves,
)
from .figures.maps import (
    plot_focus as plot_focus,
    plot_maps as plot_maps,
)
from .figures.network import (
    plot_network as plot_network,
)
from .figures.plots import (
    plot_class_counts as plot_class_counts,
    plot_confusion as plot_confusion,
    plot_reliability as plot_reliability,
)
from .figures.recipes import (
    plot_recipes as plot_recipes,
)
from .figures.show import (
    show as show,
)
from .handwriting.normalization import (
    explain_steps as explain_steps,
)
from .handwriting.reading import (
    read_digits as read_digits,
)
from .images import (
    one_hot_labels as one_hot_labels,
    preprocess_images as preprocess_images,
    shift_images as shift_images,
)
from .models.explorer import (
    NetworkExplorer as NetworkExplorer,
)
from .models.exports import (
    export_model as export_model,
)
from .models.pad import (
    DrawingPad as DrawingPad,
)
from .models.storage import (
    load_model as load_model,
    save_model as save_model,
)
from .startup import (
    start_keras as start_keras,
)
from .training.faults import (
    train_faulty as train_faulty,
    try_variants as try_variants,
)
from .training.networks import (
    RECIPES as RECIPES,
)
from .training.train import (
    train_model as train_model,
)
from .uncertainty import (
    compare_predictions as compare_predictions,
)

__version__: str
