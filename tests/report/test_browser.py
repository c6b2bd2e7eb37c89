"""The page in a real browser: what it shows at a place is what the model decodes there."""

from __future__ import annotations

import pytest
import torch

from tests.report.conftest import EVALUATION, KINDS, context_of_kind, context_of_spec, image_of, number
from zoo.analysis.codes import encode_split
from zoo.analysis.projection import principal_plane
from zoo.posteriors import posterior_mean
from zoo.report.page import render_report

pytestmark = pytest.mark.slow


def displayed(images: torch.Tensor, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
    """Return images (N, C, H, W) as grey levels or colours (N, H, W, 3); one channel is dark on light."""
    unit = ((images - low) / (high - low)).clamp(0, 1)
    unit = 1 - unit.expand(-1, 3, -1, -1) if images.shape[1] == 1 else unit
    return 255 * unit.permute(0, 2, 3, 1)


def assert_shows(pixels: torch.Tensor, expected: torch.Tensor) -> None:
    """Compare (H, W, RGBA) with (H, W, 3), to the rounding of a grey level."""
    assert pixels.shape[:2] == expected.shape[:2]
    assert bool((pixels[..., 3] == 255).all())
    assert float((pixels[..., :3] - expected).abs().max()) <= 0.51


def decoded_at(context, coordinates, label=None):
    """Return what the model decodes at a place of the map."""
    model = context.model
    place = torch.tensor([coordinates])
    z = place if model.latent_dim == 1 else principal_plane(encode_split(model, context.split).means).inverse(place)
    labels = None if label is None else torch.tensor([label])
    with torch.no_grad():
        return model.decode(z, labels).mean


def test_the_page_loads_without_complaint_and_asks_nobody_for_anything(page, visit):
    opened = visit(page)
    opened.hover(0.4, 0.4)
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [opened.tab.url]
    assert opened.tab.evaluate("document.images.length") >= 3
    assert opened.tab.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")


def test_the_policy_lets_the_page_reach_no_host_even_if_it_tries(page, visit):
    opened = visit(page)
    outcome = opened.tab.evaluate("fetch('http://127.0.0.1:9/').then(() => 'reached', error => error.message)")
    assert outcome != "reached"
    assert any("Content Security Policy" in complaint for complaint in opened.complaints)


def test_the_image_under_the_pointer_is_what_the_model_decodes_there(page, visit, context):
    opened = visit(page)
    places, images = set(), set()
    for x, y in [(0.2, 0.2), (0.8, 0.3), (0.5, 0.5), (0.3, 0.8), (0.99, 0.02)]:
        opened.hover(x, y)
        coordinates = opened.coordinates()
        shown = opened.pixels("#decoded")
        assert_shows(shown, displayed(decoded_at(context, coordinates))[0])
        places.add(tuple(coordinates))
        images.add(shown.numpy().tobytes())
    assert len(places) == len(images) == 5
    assert opened.complaints == []


def test_the_map_is_neither_mirrored_nor_transposed(page, visit):
    opened = visit(page)
    opened.hover(0.3, 0.3)
    left, top = opened.coordinates()
    opened.hover(0.7, 0.3)
    right, still_top = opened.coordinates()
    opened.hover(0.3, 0.7)
    still_left, bottom = opened.coordinates()
    assert left < right
    assert bottom < top
    assert (still_left, still_top) == (left, top)


@pytest.mark.parametrize("name", [name for name in KINDS if name not in ("vector", "series")])
def test_models_of_every_kind_show_what_they_decode(name, visit, small):
    context = context_of_kind(name)
    opened = visit(render_report(context, EVALUATION))
    opened.hover(0.35, 0.4)
    low, high = context.model.spec.data_range
    label = None
    if context.model.classes:
        label = 2
        opened.tab.select_option("#condition", str(label))
    expected = decoded_at(context, opened.coordinates(), label)
    assert_shows(opened.pixels("#decoded"), displayed(expected, low, high)[0])
    assert opened.complaints == []


@pytest.mark.parametrize("name", ["vector", "series"])
def test_rows_and_series_are_shown_with_their_values(name, visit, small):
    context = context_of_kind(name)
    opened = visit(render_report(context, EVALUATION))
    opened.hover(0.35, 0.4)
    values = opened.tab.locator("#decoded").get_attribute("data-values").split()
    expected = decoded_at(context, opened.coordinates())[0].flatten()
    assert torch.allclose(torch.tensor([float(value) for value in values]), expected, atol=1e-6)
    assert opened.pixels("#decoded").any()
    if name == "vector":
        words = opened.text("decoded-values").removeprefix("x =").split(",")
        assert [number(value) for value in words] == pytest.approx(expected.tolist(), abs=6e-4)
    assert opened.complaints == []


def test_hovering_an_example_shows_it_and_its_reconstruction(page, visit, context):
    opened = visit(page)
    assert opened.text("example") == "no example here" or "example" in opened.text("example")
    opened.tab.locator("#map").focus()
    opened.tab.keyboard.press("n")
    place = [number(part.partition("=")[2]) for part in opened.text("example-place").split(",")]
    opened.hover(0.02, 0.02)
    assert opened.text("example") == "no example here"
    assert not opened.pixels("#original").any()
    x, y = opened.tab.evaluate("place => { const [x, y] = explorer.map.toScreen(place); return [x, y]; }", place)
    box = opened.tab.locator("#map").bounding_box()
    opened.tab.mouse.move(box["x"] + x, box["y"] + y)
    words = opened.text("example").split()
    index = int(words[1].rstrip(","))
    original = context.split.examples([index])
    assert words[-1] == str(context.split.labels[index].item())
    assert_shows(opened.pixels("#original"), displayed(original)[0])
    assert_shows(opened.pixels("#reconstruction"), displayed(context.model.reconstruct(original))[0])
    code = posterior_mean(context.model.encode(original))[0]
    assert [number(part.partition("=")[2]) for part in opened.text("example-place").split(",")] == pytest.approx(
        code.tolist(), abs=6e-3
    )


def test_two_chosen_points_show_the_path_between_them(page, visit, context):
    opened = visit(page)
    canvas = opened.tab.locator("#map")
    box = canvas.bounding_box()
    canvas.click(position={"x": 0.25 * box["width"], "y": 0.15 * box["height"]})
    assert opened.tab.locator("#filmstrip li").count() == 0
    assert opened.text("path-words").startswith("A is ")
    canvas.click(position={"x": 0.8 * box["width"], "y": 0.7 * box["height"]})
    frames = opened.tab.locator("#filmstrip li.frame")
    assert frames.count() == 11
    places = []
    for index in range(11):
        caption = frames.nth(index).locator("span").text_content()
        places.append([number(part) for part in caption.split(",")])
        shown = opened.pixels(f"#filmstrip li.frame >> nth={index} >> canvas")
        assert_shows(shown, displayed(decoded_at(context, places[-1]))[0])
    # Each frame is the cell nearest to its place on the straight line.
    steps = torch.tensor(places).diff(dim=0)
    spacing = torch.tensor([axis["step"] for axis in opened.tab.evaluate("explorer.data.axes")])
    assert bool(((steps - steps.mean(0)).abs() <= 1.01 * spacing).all())
    opened.tab.locator("#clear").click()
    assert opened.tab.locator("#filmstrip li").count() == 0
    assert opened.complaints == []


def test_all_of_it_works_from_the_keyboard(page, visit, context):
    opened = visit(page)
    press = opened.tab.keyboard.press
    for _ in range(10):
        press("Tab")
        if opened.tab.evaluate("document.activeElement.id") == "map":
            break
    assert opened.tab.evaluate("document.activeElement.id") == "map"
    assert opened.tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    start = opened.coordinates()
    press("ArrowRight")
    press("ArrowUp")
    moved = opened.coordinates()
    steps = [axis["step"] for axis in opened.tab.evaluate("explorer.data.axes")]
    assert [after - before for before, after in zip(start, moved, strict=True)] == pytest.approx(steps)
    assert_shows(opened.pixels("#decoded"), displayed(decoded_at(context, moved))[0])
    press("Shift+ArrowLeft")
    assert opened.coordinates()[0] == pytest.approx(moved[0] - 8 * steps[0])
    opened.tab.locator("#announcement", has_text="z₁").wait_for(state="attached")
    press("n")
    assert opened.text("example").startswith("example 0, class")
    press("Enter")
    press("n")
    press("Enter")
    strip = opened.tab.locator("#filmstrip li")
    assert strip.count() == 13
    assert strip.first.text_content() == "original A"
    assert_shows(opened.pixels("#filmstrip li >> nth=0 >> canvas"), displayed(context.split.examples([0]))[0])
    press("Escape")
    assert strip.count() == 0
    press("Tab")
    assert opened.tab.evaluate("document.activeElement.closest('#legend') !== null")
    press("Enter")
    assert opened.tab.evaluate("document.activeElement.getAttribute('aria-pressed')") == "false"
    assert opened.complaints == []


def test_touch_explores_and_chooses(page, visit, context):
    opened = visit(page, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    canvas = opened.tab.locator("#map")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    before = opened.coordinates()
    opened.tab.touchscreen.tap(box["x"] + 0.3 * box["width"], box["y"] + 0.25 * box["height"])
    assert opened.coordinates() != before
    assert_shows(opened.pixels("#decoded"), displayed(decoded_at(context, opened.coordinates()))[0])
    opened.tab.touchscreen.tap(box["x"] + 0.7 * box["width"], box["y"] + 0.7 * box["height"])
    assert opened.tab.locator("#filmstrip li.frame").count() == 11
    assert opened.tab.evaluate("getComputedStyle(document.getElementById('map')).touchAction") == "none"
    assert opened.complaints == []


def test_hidden_classes_cannot_be_hovered(page, visit):
    opened = visit(page)
    opened.tab.locator("#map").focus()
    opened.tab.keyboard.press("n")
    label = opened.text("example").rpartition(" ")[2]
    opened.tab.locator(f"#legend button[data-label='{label}']").click()
    assert opened.text("example") == "no example here"
    assert opened.tab.evaluate(
        "label => explorer.points.labels.every((each, i) => explorer.map.shows(i) === (each !== label))", int(label)
    )
    opened.tab.get_by_role("button", name="Show all").click()
    assert opened.tab.evaluate("explorer.points.labels.every((l, i) => explorer.map.shows(i))")


def test_the_map_and_the_path_stand_on_one_screen_of_a_laptop(page, visit):
    opened = visit(page, viewport={"width": 1280, "height": 900})
    opened.tab.locator("#map").focus()
    for key in ("n", "Enter", "n", "Enter"):
        opened.tab.keyboard.press(key)
    top, bottom = opened.tab.evaluate(
        "[document.getElementById('map').getBoundingClientRect().top, "
        "document.getElementById('filmstrip').getBoundingClientRect().bottom]"
    )
    assert opened.tab.locator("#filmstrip canvas").count() >= 11
    assert bottom - top < 900


def test_figures_are_drawn_for_dark_pages_too(page, visit):
    sources = []
    for scheme in ("light", "dark"):
        opened = visit(page, color_scheme=scheme)
        sources.append(
            opened.tab.evaluate("[...document.querySelectorAll('picture img')].map(image => image.currentSrc)")
        )
        corners = [image_of(source)[0, 0, :3].float().mean().item() for source in sources[-1]]
        assert all((corner < 80) == (scheme == "dark") for corner in corners)
    assert len(sources[0]) == len(sources[1]) >= 3


@pytest.mark.parametrize("width", [320, 360, 768, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_on_any_screen(page, visit, width, scheme):
    opened = visit(page, viewport={"width": width, "height": 700}, color_scheme=scheme, reduced_motion="reduce")
    assert opened.tab.evaluate("document.documentElement.scrollWidth") <= width
    outside = opened.tab.evaluate(
        "[...document.querySelectorAll('section *:not(.wide *, .scroll *, pre *, .visually-hidden)')].filter(each => "
        "each.getBoundingClientRect().right > each.closest('section').getBoundingClientRect().right)"
        ".map(each => each.outerHTML)"
    )
    assert [element[:80] for element in outside] == []
    background, ink = opened.tab.evaluate(
        "['backgroundColor', 'color'].map(name => getComputedStyle(document.body)[name])"
    )
    assert contrast(background, ink) > 7
    assert (sum(levels(background)) < 300) == (scheme == "dark")
    assert opened.complaints == []


def levels(colour: str) -> list[float]:
    return [float(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]


def contrast(first: str, second: str) -> float:
    """The contrast ratio of the Web Content Accessibility Guidelines 2.2."""

    def luminance(colour: str) -> float:
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in levels(colour))
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def test_a_model_without_a_code_says_so_and_the_rest_stands(visit):
    context = context_of_spec(model="denoiser-unet", data_shape=(1, 8, 8), objective={"steps": 3}, count=8)
    opened = visit(render_report(context, EVALUATION))
    assert "cannot be explored here: the model has no latent space." in opened.tab.locator("main").text_content()
    assert opened.tab.locator("img").count() >= 1
    assert opened.complaints == []


def test_hostile_names_stay_text(run, context, visit, small):
    hostile = "</script><script>document.title='owned'</script>\"'><img src=x onerror=alert(1)>"
    recipe = run.recipe.model_copy(update={"description": hostile})
    opened = visit(render_report(context, {**run.evaluation, "notes": [hostile]}, recipe=recipe))
    assert opened.tab.title() == "digits · latent-zoo report"
    assert opened.tab.locator(".lead").text_content() == hostile
    assert opened.tab.locator("img[src=x]").count() == 0
    assert opened.complaints == []
