from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stepladder_trainer.hyperparameters import read
from stepladder_trainer.models import Request, Shape, build
from stepladder_trainer.models.dropout import Dropout
from stepladder_trainer.outcomes import ConfigurationError

SMALL = Shape((1, 8, 8), 10)
COLOURED = Shape((3, 28, 20), 7)
LARGE = Shape((3, 224, 224), 5)
ROWS = Shape((12, 5), 3)
TABLE = Shape((30,), 2)
TEXT = Shape((16,), 11, vocabulary=11)
TAGS = Shape((16,), 4, vocabulary=11)
IMAGE = Shape((1, 8, 8), 64)


def model(shape: Shape, seed: int = 1, **parameters: Any) -> nn.Module:
    return build(Request(shape, read(parameters, {}), torch.Generator()), torch.Generator().manual_seed(seed))


def examples(shape: Shape, batch: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    if shape.vocabulary:
        return torch.randint(shape.vocabulary, (batch, *shape.example), generator=generator)
    return torch.randn(batch, *shape.example, generator=generator)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_dropout_drops_its_share_keeps_the_mean_and_rests_in_evaluation() -> None:
    dropout = Dropout(0.25, torch.Generator().manual_seed(0))
    inputs = torch.ones(100, 100)
    dropped = dropout(inputs)
    assert dropped.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert dropout.eval()(inputs) is inputs


@pytest.mark.parametrize(
    ("family", "shape"),
    [
        *(("mlp", shape) for shape in (SMALL, COLOURED, ROWS, TABLE)),
        *(("cnn", shape) for shape in (SMALL, COLOURED, Shape((1, 1, 5), 2))),
        *(("resnet", shape) for shape in (SMALL, COLOURED, LARGE, Shape((1, 1, 5), 2))),
        *(("rnn", shape) for shape in (ROWS, TEXT, TAGS)),
        *(("transformer", shape) for shape in (SMALL, COLOURED, LARGE, ROWS, TABLE, TEXT, TAGS)),
    ],
)
def test_every_family_gives_a_tasks_outputs_and_learns_with_all_its_weights(family: str, shape: Shape) -> None:
    """A weight without a gradient is one that the family forgot to use."""
    tied = shape.outputs == shape.vocabulary
    made = model(shape, model=family, width=8, layers=1, residual_start="rezero", tied_embeddings=tied, dropout=0.1)
    for scale in (parameter for parameter in made.parameters() if parameter.ndim == 0):
        scale.data.fill_(0.5)  # as after some training
    outputs = made(examples(shape))
    assert outputs.shape == ((3, *shape.example, shape.outputs) if shape.vocabulary else (3, shape.outputs))
    outputs.square().sum().backward()
    assert [name for name, parameter in made.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("family", ["autoencoder", "vae"])
@pytest.mark.parametrize("layers", [0, 2])
def test_an_autoencoder_gives_an_example_back_and_its_divergence(family: str, layers: int) -> None:
    made = model(IMAGE, model=family, width=8, layers=layers, latent=3)
    values, divergence = made(examples(IMAGE))
    assert values.shape == (3, 64)
    assert divergence.shape == (3,)
    assert (divergence > 0).all() == (family == "vae")


@pytest.mark.parametrize(("layers", "weights"), [(0, 64 * 10), (1, 64 * 32 + 32 * 10), (3, 64 * 32 + 2 * 32**2 + 320)])
def test_an_mlp_is_as_wide_and_deep_as_asked(layers: int, weights: int) -> None:
    mlp = model(SMALL, model="mlp", width=32, layers=layers)
    assert sum(weight.numel() for weight in mlp.parameters() if weight.ndim > 1) == weights


@pytest.mark.parametrize("layers", [0, 1, 2, 4])
def test_a_cnn_of_any_depth_fits_the_images(layers: int) -> None:
    cnn = model(SMALL, model="cnn", width=4, layers=layers)
    assert sum(isinstance(layer, nn.Conv2d) for layer in cnn.modules()) == layers
    assert cnn(torch.zeros(5, 1, 8, 8)).shape == (5, 10)


def test_a_resnet_of_two_blocks_on_large_images_is_resnet_18_with_pre_activation() -> None:
    """Convolutions: 7x7 of 3 channels, 4 x 4 of 3x3, 3 shortcuts; normalisation's two numbers for each channel that it
    reads; the biases of the stem and of each block's last convolution; the head."""
    resnet = model(Shape((3, 224, 224), 1000), model="resnet", width=64, layers=2)
    widths = [64, 128, 256, 512]
    convolutions = 3 * 64 * 49 + 9 * (4 * 64**2 + sum(a * b + 3 * b**2 for a, b in pairwise(widths)))
    shortcuts = sum(a * b for a, b in pairwise(widths))
    norms = 2 * (sum(4 * width for width in widths) - 64 - 128 - 256 + 512)  # the first of a stage reads the one before
    biases = 64 + sum(2 * width for width in widths)
    assert count(resnet) == convolutions + shortcuts + norms + biases + 512 * 1000 + 1000


def test_a_resnet_shrinks_large_images_first_and_small_ones_not() -> None:
    """Else 224x224 images would cost 16 times as much, and of 8x8 nothing would be left."""
    small, large = (model(shape, model="resnet", width=4, layers=1) for shape in (SMALL, LARGE))
    assert [layer.stride[0] for layer in _of(small, nn.Conv2d) if layer.kernel_size != (1, 1)] == [1, 1, 1, 2, 1, 2, 1]
    assert [layer.stride[0] for layer in _of(large, nn.Conv2d) if layer.kernel_size == (7, 7)] == [2]
    assert _sides(small, SMALL) == [8, 4, 2]
    assert _sides(large, LARGE) == [56, 28, 14, 7]


@pytest.mark.parametrize("tied", [True, False])
def test_a_language_model_has_the_parameters_of_gpt(tied: bool) -> None:
    """12 width^2 weights in a block (Kaplan et al. 2020), with biases and normalisation 13 width more."""
    width, layers, words, length = 8, 3, 11, 16
    made = model(TEXT, model="transformer", width=width, layers=layers, tied_embeddings=tied)
    blocks = layers * (12 * width**2 + 13 * width)
    head = 0 if tied else words * width + words
    assert count(made) == words * width + length * width + blocks + 2 * width + head


def test_an_rnn_remembers_at_first() -> None:
    """4 gates of width x (inputs + width) weights and two biases; forgetting begins at a sigmoid of 1."""
    made = model(ROWS, model="rnn", width=8, layers=2)
    assert count(made) == sum(4 * 8 * (inputs + 8) + 8 * 8 for inputs in (5, 8)) + 8 * 3 + 3
    biases = made.get_parameter("body.0.bias_ih_l0") + made.get_parameter("body.0.bias_hh_l0")
    assert biases.view(4, 8).tolist() == [[0.0] * 8, [1.0] * 8, [0.0] * 8, [0.0] * 8]
    recurrent = made.get_parameter("body.1.weight_hh_l0")[:8]
    assert torch.allclose(recurrent @ recurrent.T, torch.eye(8), atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "parameters", "tokens"),
    [
        (SMALL, {}, 16),  # 2x2 pixels
        (Shape((1, 28, 28), 10), {}, 16),
        (LARGE, {}, 196),  # as ViT-B/16
        (SMALL, {"patch_size": 4}, 4),
        (Shape((1, 9, 10), 2), {"patch_size": 4}, 9),  # filled up with zeros
        (TABLE, {}, 30),
        (ROWS, {}, 12),
    ],
)
def test_a_transformer_reads_patches_features_and_rows(
    shape: Shape, parameters: Mapping[str, Any], tokens: int
) -> None:
    made = model(shape, model="transformer", width=8, **parameters)
    assert made.positions.shape == (tokens, 8)
    assert made.stem(examples(shape)).shape == (3, tokens, 8)  # type: ignore[operator]  # a module


def test_patches_at_the_edge_lose_no_pixel() -> None:
    """A convolution with stride leaves out what does not fill a patch."""
    made = model(Shape((1, 9, 10), 2), model="transformer", width=8, patch_size=4).eval()
    image = torch.zeros(1, 1, 9, 10)
    corner = image.clone()
    corner[..., -1, -1] = 1
    assert not torch.equal(made.stem(image), made.stem(corner))  # type: ignore[operator]  # a module


@pytest.mark.parametrize(("family", "start"), [("transformer", "plain"), ("transformer", "zero"), ("rnn", "zero")])
def test_a_later_token_never_changes_an_earlier_output(family: str, start: str) -> None:
    made = model(TEXT, model=family, width=8, layers=2, residual_start=start).eval()
    _awake(made)
    before = examples(TEXT)
    after = before.clone()
    after[:, 9] = (after[:, 9] + 1) % 11
    assert torch.equal(made(before)[:, :9], made(after)[:, :9])
    assert not torch.equal(made(before)[:, 9:], made(after)[:, 9:])
    assert not torch.equal(made(before)[:, 15], made(after)[:, 15]), "attention reaches back"


def test_a_short_text_is_read_like_the_beginning_of_a_long_one() -> None:
    made = model(TEXT, model="transformer", width=8).eval()
    text = examples(TEXT)
    assert torch.allclose(made(text[:, :5]), made(text)[:, :5], atol=1e-6)


def test_an_encoder_sees_all_tokens_from_each() -> None:
    """And knows their order: without positions an image could be shuffled."""
    made = model(ROWS, model="transformer", width=8, residual_start="plain").eval()
    rows = examples(ROWS)
    assert (made(rows) - made(rows.flip(1))).abs().max() > 1e-3


@pytest.mark.parametrize("start", ["zero", "rezero"])
@pytest.mark.parametrize(("family", "shape"), [("resnet", SMALL), ("transformer", TEXT), ("transformer", SMALL)])
def test_a_residual_network_begins_as_its_stem_and_head(family: str, shape: Shape, start: str) -> None:
    """Branches add nothing at step 0 (Goyal et al. 2017, section 5.1; Bachlechner et al. 2020); and yet they learn."""
    made = model(shape, model=family, width=8, layers=2, residual_start=start).eval()
    begun = made(examples(shape))
    for module in made.modules():
        if hasattr(module, "branch"):
            module.branch.register_forward_hook(  # type: ignore[union-attr]  # a module
                lambda *call: torch.zeros_like(call[2])
            )
    assert torch.equal(begun, made(examples(shape)))
    plain = model(shape, model=family, width=8, layers=2, residual_start="plain").eval()
    assert not torch.equal(begun, plain(examples(shape)))
    begun.square().sum().backward()
    woken = [name for name, weight in made.named_parameters() if weight.grad is not None and weight.grad.any()]
    assert any("branch" in name or "scale" in name for name in woken)


@pytest.mark.parametrize(("family", "shape"), [("resnet", SMALL), ("transformer", SMALL)])
def test_what_is_normalised_is_what_a_branch_reads_never_a_sum(family: str, shape: Shape) -> None:
    """x + f(norm(x)): a signal passes at its own scale. In norm(x + f(x)) a tenfold signal would arrive like any."""
    made = model(shape, model=family, width=8, layers=2, residual_start="plain", normalisation="layer").eval()
    blocks = [module for module in made.modules() if hasattr(module, "branch")]
    assert blocks
    for block in blocks:
        seen: list[Tensor] = []
        hook = block.register_forward_hook(lambda _, given, result, seen=seen: seen.extend((given[0], result)))
        made(examples(shape))
        hook.remove()
        change = seen[1] - block.shortcut(seen[0])  # type: ignore[operator]  # a module
        assert change.abs().max() > 0
        larger = 10 * seen[0]
        assert torch.allclose(block(larger) - block.shortcut(larger), change, rtol=1e-3, atol=1e-3)  # type: ignore[operator]  # likewise


def test_weights_are_he_normal_and_biases_zero() -> None:
    """PyTorch's own initialisation draws from the global generator, which a seed of ours would not control."""
    mlp = model(Shape((400,), 10), model="mlp", width=500, layers=1)
    hidden, bias, output, _ = mlp.parameters()
    assert hidden.std().item() == pytest.approx((2 / 400) ** 0.5, rel=0.02)
    assert output.std().item() == pytest.approx((1 / 500) ** 0.5, rel=0.05)
    assert bias.abs().max() == 0


FAMILIES = [
    ("mlp", SMALL), ("cnn", SMALL), ("resnet", SMALL), ("transformer", SMALL), ("transformer", TEXT),
    ("transformer", TABLE), ("transformer", ROWS), ("autoencoder", IMAGE), ("vae", IMAGE), ("point", TABLE),
    ("rnn", TEXT),
]  # fmt: skip


@pytest.mark.parametrize(("family", "shape"), FAMILIES)
def test_initial_weights_are_the_seeds_whatever_was_built_before(family: str, shape: Shape) -> None:
    """A weight that nobody initialises holds what was in memory, or comes from the global generator."""
    first = model(shape, model=family, width=8).state_dict()
    torch.manual_seed(5)
    model(COLOURED, seed=3, model="cnn", width=5)
    again, other = (model(shape, seed=seed, model=family, width=8).state_dict() for seed in (1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize(("family", "shape"), FAMILIES)
def test_no_initial_weight_is_drawn_from_the_global_generator(
    family: str, shape: Shape, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = model(shape, model=family, width=8).state_dict()
    monkeypatch.setattr(torch, "manual_seed", lambda _: torch.default_generator)
    torch.default_generator.manual_seed(99)
    again = model(shape, model=family, width=8).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.parametrize(("family", "shape"), [("resnet", SMALL), ("transformer", TEXT), ("transformer", SMALL)])
def test_a_deep_network_begins_with_outputs_of_order_one(family: str, shape: Shape) -> None:
    """Logits in the tens would begin far from a uniform guess."""
    deep = model(shape, model=family, width=32, layers=6)
    assert 0.1 < deep(examples(shape, batch=64)).std().item() < 3


def test_a_vae_draws_its_code_in_training_and_uses_the_mean_in_evaluation() -> None:
    generator = torch.Generator().manual_seed(0)
    request = Request(IMAGE, read({"model": "vae", "width": 8}, {}), generator)
    vae = build(request, torch.Generator().manual_seed(1))
    images = examples(IMAGE)
    first, second = vae(images).values, vae(images).values
    generator.manual_seed(0)
    assert torch.equal(first, vae(images).values)
    assert not torch.equal(first, second)
    vae.eval()
    assert torch.equal(vae(images).values, vae(images).values)


def test_the_code_of_a_vae_has_the_deviation_that_its_encoder_says() -> None:
    """The encoder speaks of the logarithm of the variance, not of the deviation."""
    generator = torch.Generator().manual_seed(0)
    vae = build(Request(IMAGE, read({"model": "vae", "latent": 1}, {}), generator), torch.Generator())
    logarithm = torch.log(torch.tensor(4.0)).item()
    codes, _ = vae.code(torch.tensor([[1.0, logarithm]]).expand(20_000, 2))  # type: ignore[operator]  # a method
    assert codes.mean().item() == pytest.approx(1, abs=0.05)
    assert codes.std().item() == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize(("family", "shape"), [pair for pair in FAMILIES if pair[0] not in ("point", "vae")])
def test_every_family_drops_units_by_its_generator_and_only_in_training(family: str, shape: Shape) -> None:
    """A family that forgets `dropout` would make a search over it measure noise."""
    generator = torch.Generator().manual_seed(0)
    point = read({"model": family, "width": 16, "dropout": 0.5, "residual_start": "plain"}, {})
    made = build(Request(shape, point, generator), torch.Generator().manual_seed(1))
    inputs = examples(shape)

    def outputs() -> Tensor:
        found = made(inputs)
        return found if isinstance(found, Tensor) else torch.as_tensor(found.values)

    first, second = outputs(), outputs()
    assert not torch.equal(first, second)
    generator.manual_seed(0)
    assert torch.equal(outputs(), first)
    made.eval()
    assert torch.equal(outputs(), outputs())


def test_the_divergence_of_a_vae_is_that_of_two_normal_distributions() -> None:
    """Of N(1, 4) from N(0, 1): (1 + 4 - 1 - ln 4) / 2; half of it with a weight of 0.5."""
    vae = model(IMAGE, model="vae", latent=1, kl_weight=0.5)
    numbers = torch.tensor([[1.0, torch.log(torch.tensor(4.0)).item()], [0.0, 0.0]])
    _, divergence = vae.code(numbers)  # type: ignore[operator]  # a method
    assert divergence.tolist() == pytest.approx([0.5 * 0.5 * (4 - 1.3862944), 0])


@pytest.mark.parametrize(
    ("shape", "parameters", "said"),
    [
        (TABLE, {"model": "cnn"}, r"cnn needs images.*\(30,\).*try mlp"),
        (ROWS, {"model": "resnet"}, "resnet needs images"),
        (TEXT, {"model": "resnet"}, "try transformer"),
        (TEXT, {"model": "mlp"}, "try transformer"),
        (SMALL, {"model": "transformer", "heads": 3}, "3 heads do not divide a width of 64"),
        (SMALL, {"model": "transformer", "normalisation": "ghost"}, "layer or none, not ghost"),
        (SMALL, {"model": "transformer", "patch_size": 9}, "patch_size 9 is more than the 8x8"),
        (TAGS, {"model": "transformer"}, "4 outputs cannot share the embedding of 11 words"),
        (Shape((2, 3, 4, 5), 2), {"model": "transformer"}, r"shape \(2, 3, 4, 5\)"),
        (TABLE, {"model": "rnn"}, r"rnn reads sequences.*\(30,\): try mlp"),
        (TEXT, {"model": "rnn", "layers": 0}, "layers of at least 1"),
        (TEXT, {"model": "rnn", "normalisation": "layer"}, "rnn has no normalisation"),
        (SMALL, {"model": "autoencoder"}, r"10 outputs of examples of shape \(1, 8, 8\)"),
        (SMALL, {"model": "cnn", "normalisation": "group", "width": 12}, "normalisation_groups 8 does not divide 12"),
        (SMALL, {"model": "resnet", "batch_size": 1}, "ghost needs a batch_size of at least 2"),
    ],
)
def test_a_model_that_cannot_be_says_why(shape: Shape, parameters: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        model(shape, **parameters)


def _of(module: nn.Module, kind: type[nn.Conv2d]) -> list[nn.Conv2d]:
    return [inner for inner in module.modules() if isinstance(inner, kind)]


def _sides(made: nn.Module, shape: Shape) -> list[int]:
    """Of what the blocks give, each once."""
    seen: list[int] = []
    for module in made.modules():
        if hasattr(module, "branch"):
            module.register_forward_hook(lambda *call: seen.append(call[2].shape[-1]))
    made(examples(shape, batch=2))
    return seen


def _awake(made: nn.Module) -> None:
    """Branches as after some training."""
    generator = torch.Generator().manual_seed(0)
    for parameter in made.parameters():
        if not parameter.any():
            parameter.data.normal_(generator=generator)
