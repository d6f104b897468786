"""What a task package must tell the rest of the package, in one class."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from scalenas.arch import Arch, Head, Size
from scalenas.config.values import Check
from scalenas.errors import ConfigError, DataError, ExportError

from .heads import kind, table_of
from .own_data import HeldOut, OwnData

Metric = Mapping[str, Any]

HEADS = ('decode_head', 'head', 'bbox_head', 'rpn_head', 'roi_head')
"""Parts of a model that turn features into predictions, in the ecosystem's names."""
"""A metric as a config describes it."""

FROZEN: Mapping[str, Any] = {'teacher': 'frozen', 'weight': 1.0}
"""Distillation from a network that learns no more."""


class Task:
    """One task package. A fifth one is a subclass with `package`, passed to `register_task`.

    The defaults fit any package whose models are a `BaseModel` of mmengine: it is trained,
    searched, calibrated and exported as it is. What a method adds is said there; none is abstract.
    Nothing of the package may be imported before a method runs: who segments has no pose package
    installed.

    Attributes:
        package: import name, which is also the scope of its registries.
        visualizer: class that stock inference of the package draws with.
        heads: keys of a model under which its heads are described.
        weightless_necks: classes of necks that no cost counts.
        stock_heads: type of a head of ours for sub-nets of any width -> the package's own.
        recipes: name of a recipe -> the shipped config that takes another backbone.
        metric_values: metric -> argument -> what it may be, where a wrong one shows after hours.
        metric_arguments: metric that takes any argument -> those that it reads.
        inference_names: variables of a config that stock inference looks up, and no run does.
        graphs: what an exported graph may give.
        results: metric -> function from its config to the names of its results, in their order;
            None where they cannot be told.
        headline: metrics to search for, the first that an evaluator gives, by that name or, behind
            another prefix, by its last part.
        errors: those of them that are the better the smaller.
    """

    package: ClassVar[str] = ''
    visualizer: ClassVar[str] = ''
    heads: ClassVar[tuple[str, ...]] = HEADS
    weightless_necks: ClassVar[tuple[str, ...]] = ()
    stock_heads: ClassVar[Mapping[str, str]] = {}
    recipes: ClassVar[Mapping[str, str]] = {}
    metric_values: ClassVar[Mapping[str, Mapping[str, Check]]] = {}
    metric_arguments: ClassVar[Mapping[str, Collection[str]]] = {}
    inference_names: ClassVar[tuple[str, ...]] = ()
    graphs: ClassVar[tuple[str, ...]] = ('raw', 'task')
    results: ClassVar[Mapping[str, Callable[[Metric], list[str] | None]]] = {}
    headline: ClassVar[tuple[str, ...]] = ()
    errors: ClassVar[tuple[str, ...]] = ()

    # Heads: what they cost, and how they follow the channels of another backbone.

    def head(self, model: Mapping[str, Any], channels: Sequence[int]) -> Head | None:
        """The head of a model over maps of these channels, as far as cost goes; None: not known.

        By default that of a model with one head and no neck with weights, by `counted_head`.
        """
        named = self.named_heads(model)
        neck = model.get('neck')
        necks = neck if isinstance(neck, list | tuple) else [] if neck is None else [neck]
        if len(named) != 1 or not all(kind(part) in self.weightless_necks for part in necks):
            return None
        return self.counted_head(model[named[0]], channels)

    def counted_head(self, head: Mapping[str, Any], channels: Sequence[int]) -> Head | None:
        """The counted head that one head of a config is, None where nobody counts such a one."""
        return None

    def head_text(self, model: Mapping[str, Any]) -> str:
        """The types of a model's heads, for a line of output."""
        named = self.named_heads(model)
        return ', '.join(str(model[name].get('type', name)) for name in named) or 'no head'

    def named_heads(self, model: Mapping[str, Any]) -> list[str]:
        """Under which of `heads` a model describes one."""
        return [name for name in self.heads if isinstance(model.get(name), Mapping)]

    def input_size(self, cfg: Mapping[str, Any], model: Mapping[str, Any]) -> Size | None:
        """Height and width of the inputs of a config, None where it does not say."""
        size = (table_of(model, 'data_preprocessor') or table_of(cfg, 'data_preprocessor')).get(
            'size'
        )
        return as_size_pair(size)

    def fit(self, variables: dict[str, Any], arch: Arch, resolution: float) -> Arch:
        """Lets neck, heads and images of a recipe follow another backbone; the arch to build.

        `variables` are those of a config of one network, changed in place. `resolution` is the
        factor by which images of dense tasks grow.

        Raises:
            ExportError: when the recipe cannot take the arch.
        """
        raise ExportError(
            f'a recipe of {self.package or "an unknown package"} is not known here',
            where='default_scope',
            hint='give its task a `fit`: how neck and heads follow the channels',
        )

    def open_heads(self, model: dict[str, Any]) -> None:
        """Lets heads that were made for another kind of backbone read ours, before they `fit`.

        Changes the model in place; parts that make no sense any more go.
        """

    def reads_one_map(self, model: Mapping[str, Any]) -> bool:
        """Whether a model reads the finest feature map alone, of a backbone that has several."""
        return False

    def distillation(self, model: Mapping[str, Any]) -> dict[str, Any] | None:
        """How a frozen teacher teaches sub-nets of a model; None: not at all."""
        return None

    # Data of one's own: what is held out of it.

    def hold_out(self, dataset: Any, count: int | None, seed: int) -> HeldOut:
        """`count` images of a built training set for a search; None: a fifth, within reason.

        Raises:
            UserError: when it cannot be split.
        """
        raise DataError(
            f'nobody said how a {type(dataset).__name__} is split',
            where='train_dataloader.dataset',
            hint='describe search_dataloader in your config',
        )

    def own_data(self, cfg: Mapping[str, Any], root: Path, classes: Sequence[str]) -> OwnData:
        """A folder of one's own data as data sets of the package, in the layout that it says.

        `cfg` is the config whose data they replace.

        Raises:
            UserError: for a folder in another layout, or classes that it does not name.
        """
        raise DataError(
            f'no layout of data is known for {self.package or "this package"}',
            where='--data',
            hint='describe the data in your config',
        )

    # Samples: what they carry besides an image.

    def label_maps(self, samples: Sequence[Any]) -> Tensor | None:
        """(N, 1, H, W) classes of all pixels; None where samples carry none."""
        return None

    def joint_weights(self, samples: Sequence[Any]) -> Tensor | None:
        """(N, K) weights of the joints' heat maps; None where samples carry none."""
        return None

    # Data: is it good to train on and to score with?

    def check_config(self, cfg: Mapping[str, Any], loaders: Sequence[str]) -> None:
        """Pass when heads, losses and metrics are made for the same classes.

        Raises:
            ConfigError: names the place.
        """

    def check_files(self, cfg: Mapping[str, Any], loaders: Sequence[str], hint: str) -> None:
        """Pass when annotation files are good, asked before a data set is built.

        Asked of every task that a data set of the config is of; the dataloaders may have others,
        too. `hint` says how to get the data.

        Raises:
            DataError: names the file and what is wrong in it.
        """

    def looks_into(self, dataset: type) -> bool:
        """Whether `check_dataset` wants data sets of this class; they are built for it."""
        return False

    def check_dataset(
        self, cfg: Mapping[str, Any], dataset: Any, loader: str, hint: str
    ) -> tuple[str, ...]:
        """Pass when a built data set can be trained on or scored; the names of its classes.

        Raises:
            UserError: names the first file that is wrong, and what to do.
        """
        return ()

    def batch_check(
        self, cfg: Mapping[str, Any], loader: str
    ) -> Callable[[Mapping[str, Any]], object] | None:
        """What looks at each batch of a dataloader, and raises DataError for a wrong one."""
        return None

    # Metrics: their names, their truth, and their values at full precision.

    def metric_names(self, metric: Metric) -> list[str] | None:
        """Names of the results of a metric, in their order; None where that is not known."""
        rule = self.results.get(kind(metric))
        try:
            return None if rule is None else rule(metric)
        except (TypeError, ValueError):  # of arguments that are none; the build says so
            return None

    def fit_truth(self, metrics: Sequence[Any], loader: Any, where: str) -> None:
        """Lets built metrics score what their dataloader shows, and nothing else.

        `where` is the variable of the config that describes them.

        Raises:
            DataError: when the truth is of other images or classes, or has nothing to score.
        """

    def make_exact(self, metric: Any, present: bool) -> None:
        """Lets a built metric neither round nor print.

        With `present` its means are over the classes that the truth holds.
        """

    def check_classes(self, cfg: Mapping[str, Any], batches: Any, metrics: Sequence[Any]) -> None:
        """Pass when the batches of a search hold what its metric is a mean over.

        Raises:
            EvaluationError: names the classes that are not there.
        """

    # Predictions and export.

    def raw_outputs(self, model: nn.Module, inputs: Tensor, samples: Any = None) -> Any:
        """What the layers of a model give, before thresholds and suppression.

        inputs: (N, C, H, W), preprocessed. Outputs are tensors in nested lists.
        """
        return model(inputs, samples, mode='tensor')

    def rearrange(self, model: nn.Module) -> None:
        """Lets neck and heads of a copy for inference compute the same faster, in place.

        Batch norms are folded into convolutions before.
        """

    def graph(self, model: nn.Module, images: Tensor, kind: str) -> dict[str, Any]:
        """What a graph of a model gives for images alone: name -> tensors in nested lists.

        images: (N, C, H, W), normalized. `kind` is one of `graphs`: 'raw' has one entry, that of
        the last layers; 'task' is finished as far as it is a function of the images.
        """
        return {'raw': self.raw_outputs(model, images)}

    def graph_head(self, model: nn.Module) -> str:
        """The head whose outputs raw ones are, by its attribute; '' where a graph has no head."""
        named = [name for name in self.heads if isinstance(getattr(model, name, None), nn.Module)]
        return named[0] if len(named) == 1 else ''

    def draw(self, hook: dict[str, Any], folder: str | None) -> None:
        """Switches a hook on that draws predictions, into a folder if there is one."""
        hook.update(draw=True)

    def inference_variables(
        self, variables: Mapping[str, Any], dataset: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The values of `inference_names`, read off what a run reads; None for those it lacks.

        dataset: the one that the test dataloader of the config shows.
        """
        return {}


def as_size_pair(size: Any) -> Size | None:
    """`size`, if it is two whole numbers."""
    if not isinstance(size, list | tuple) or len(size) != 2:
        return None
    first, second = size
    return (first, second) if isinstance(first, int) and isinstance(second, int) else None


def unknown_scope(scope: str, known: Sequence[str], where: str) -> ConfigError:
    """The one line for a package that nobody registered."""
    return ConfigError(
        'no task package of this name is known',
        where=where,
        got=scope,
        allowed=', '.join(known),
        hint='register another with scalenas.tasks.register_task, in a module of custom_imports',
    )
