"""What can be named as a model."""

import pytest

import onebyone as ob
from onebyone.models.listing import Named, Source, named, sources
from onebyone.models.packages import timm, torchvision_models


def test_sources_and_how_many_names_each_has(monkeypatch: pytest.MonkeyPatch) -> None:
    bundled, by_timm, by_torchvision = sources()
    assert (bundled.source, bundled.names) == ("bundled", 2)
    assert by_timm.names is not None
    assert by_timm.names >= len(timm().list_models())
    assert by_torchvision.names == len(
        torchvision_models().list_models(module=torchvision_models())
    )
    monkeypatch.setattr("onebyone.models.listing.is_installed", lambda name: name != "timm")
    assert sources() == [bundled, Source("timm", None, None), by_torchvision]


def test_names_that_hold_a_text_with_their_windows() -> None:
    assert named("digits-p") == [Named("nin-digits-padded", (1, 28, 28), "bundled")]
    assert named("torchvision:Inception") == [
        Named("torchvision:inception_v3", (3, 299, 299), "torchvision")
    ]
    assert named("resnet18.a3") == [Named("timm:resnet18.a3_in1k", (3, 160, 160), "timm")]
    found = [name.name for name in named("torchvision:resnet")]
    assert found == [f"torchvision:resnet{depth}" for depth in (18, 34, 50, 101, 152)]


def test_every_window_is_that_of_timm_s_configuration() -> None:
    for name, window, source in named("timm:"):
        configured = timm().get_pretrained_cfg(name.partition(":")[2])
        assert (window, source) == (
            (configured or timm().models.PretrainedCfg()).input_size,
            "timm",
        )


def test_nothing_of_that_name() -> None:
    with pytest.raises(
        ob.InputError, match=r"^no name holds 'resnt18'; the nearest are resnet18, "
    ):
        named("resnt18")
    with pytest.raises(ob.InputError, match=r"^no name holds '%%'$"):
        named("%%")


def test_what_is_not_installed_has_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("packages", "listing"):
        monkeypatch.setattr(f"onebyone.models.{place}.is_installed", lambda _: False)
    assert [name.name for name in named("nin")] == ["nin-digits", "nin-digits-padded"]
    with pytest.raises(
        ob.InputError, match=r"^timm is not installed: pip install 'onebyone\[timm\]'"
    ):
        named("timm:vit")
