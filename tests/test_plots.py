"""Plots of measurements: what is drawn is what was measured."""

from pathlib import Path

import pytest
from facts import modules_after

from conman_lab.observe.trace import Span, Trace
from conman_lab.views import plots

TRACES = Path(__file__).parent / "traces"
RUNS = {"Conmon": (1.0, 2.0, 9.0), "Shim": (4.0,)}


def labels(axes):
    return [label.get_text() for label in axes.get_xticklabels()]


def test_each_run_is_a_dot_and_the_median_is_marked():
    (axes,) = plots.strips({"launch, ms": RUNS}).figure.axes
    dots = [list(line.get_ydata()) for line in axes.lines if line.get_marker() == "o"]
    assert dots == [[1.0, 2.0, 9.0], [4.0]]
    medians = [
        list(line.get_ydata()) for line in axes.lines if line.get_marker() != "o"
    ]
    assert medians == [[2.0, 2.0], [4.0, 4.0]]
    assert labels(axes) == ["Conmon\n2", "Shim\n4"]


def test_the_box_holds_the_middle_half():
    (axes,) = plots.strips({"launch, ms": RUNS}).figure.axes
    boxes = [(box.get_y(), box.get_y() + box.get_height()) for box in axes.patches]
    assert boxes == [(1.5, 5.5), (4.0, 4.0)]


def test_axes_begin_at_nothing_and_a_run_far_out_is_cut_off():
    (axes,) = plots.strips({"launch, ms": {"Conmon": (1.0, 1.0, 500.0)}}).figure.axes
    assert axes.get_ylim() == (0, 2.0)


def test_where_we_take_part_the_others_are_grey():
    (axes,) = plots.strips({"launch, ms": RUNS}).figure.axes
    grey, ours = [box.get_facecolor()[:3] for box in axes.patches]
    assert len(set(grey)) == 1
    assert len(set(ours)) == 3
    (axes,) = plots.strips({"": {"cold": (1,), "warm": (2,)}}).figure.axes
    assert len({box.get_facecolor() for box in axes.patches}) == 2


def test_each_panel_has_its_title_and_there_are_no_empty_ones():
    titles = [f"panel {number}" for number in range(plots.ACROSS + 1)]
    figure = plots.strips(dict.fromkeys(titles, RUNS)).figure
    assert [axes.get_title(loc="left") for axes in figure.axes] == titles


def test_the_phases_of_several_runs_are_told_apart():
    def run(took):
        return Trace(
            spans=[Span("create", 1.0, 1.0 + took, 1), Span("start", 2, 2.5, 1)]
        )

    panels = plots.by_phase(cold=[run(0.25)], warm=[run(0.125), run(0.0625)])
    assert panels == {
        "create, ms": {"cold": [250], "warm": [125, 62.5]},
        "start, ms": {"cold": [500], "warm": [500, 500]},
    }


def test_a_waterfall_is_the_spans_from_the_first_one_on():
    trace = Trace.load(TRACES / "shim-run.json")
    (axes,) = plots.waterfall(trace).figure.axes
    spans = sorted(trace.spans, key=lambda span: span.began_at)
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        span.name for span in spans
    ]
    first = spans[0].began_at
    for bar, span in zip(axes.patches, spans, strict=True):
        assert bar.get_x() == pytest.approx((span.began_at - first) * 1000)
        took = (span.ended_at - span.began_at) * 1000
        assert bar.get_width() == pytest.approx(took)
        assert f"{took:.2f}" in [text.get_text() for text in axes.texts]


def test_growth_is_the_medians_with_all_runs_around_them():
    series = {"Shim": {1: [1, 2, 6], 10: [3, 4, 5]}, "Conmon": {1: [9], 10: [8]}}
    (axes,) = plots.growth(series).figure.axes
    drawn = [(list(it.get_xdata()), list(it.get_ydata())) for it in axes.lines]
    assert drawn == [([1, 10], [2, 4]), ([1, 10], [9, 8])]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("containers", "ms")
    assert axes.get_xscale() == "linear"


def test_counts_that_spread_far_are_drawn_on_a_logarithmic_axis():
    plot = plots.growth({"Shim": {16: [3], 4096: [70]}}, "bytes a line", "MB/s")
    assert plot.figure.axes[0].get_xscale() == "log"
    assert str(plot) == "growth of Shim with bytes a line"


@pytest.mark.parametrize(
    "plot",
    [
        lambda: plots.strips({"launch, ms": RUNS}),
        lambda: plots.growth({"Shim": {1: [1], 2: [2]}}),
        lambda: plots.waterfall(Trace.load(TRACES / "naive-run.json")),
        lambda: plots.waterfall(Trace()),
        lambda: plots.strips({}),
    ],
)
def test_the_same_data_is_the_same_bytes(plot):
    assert plot()._repr_png_() == plot()._repr_png_()


def test_a_plot_is_small_to_import():
    assert "matplotlib" not in modules_after("from conman_lab.views import plots")
