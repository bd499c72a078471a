import torch
from torch import nn

from dsae.nn.normalisation import calibrate


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Conv2d(5, 4, 3),
                         nn.BatchNorm2d(4, momentum=0.3))  # fmt: skip


def test_every_normalisation_has_the_mean_and_variance_of_its_input() -> None:
    images = torch.rand(64, 3, 10, 12)
    module = network().eval()
    calibrate(module, module, images.split(16))
    values = images
    with torch.no_grad():
        for layer in module:
            if isinstance(layer, nn.BatchNorm2d):
                torch.testing.assert_close(layer.running_mean, values.mean((0, 2, 3)),
                                           atol=0.01, rtol=0)  # fmt: skip
                torch.testing.assert_close(layer.running_var, values.var((0, 2, 3)),
                                           atol=0.01, rtol=0.05)  # fmt: skip
            values = layer(values)


def test_what_it_had_before_does_not_matter_and_all_else_stays() -> None:
    images = torch.rand(32, 3, 10, 12)
    one, other = network().eval(), network().train()
    other(100 * images)
    for module in (one, other):
        calibrate(module, module, images.split(16))
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    assert not one.training
    assert other.training
    assert [m.momentum for m in other if isinstance(m, nn.BatchNorm2d)] == [0.1, 0.3]


def test_a_network_without_normalisation_is_passed_nothing() -> None:
    passed: list[torch.Tensor] = []
    calibrate(nn.Conv2d(3, 5, 3), passed.append, [torch.rand(2, 3, 8, 8)])
    assert not passed
