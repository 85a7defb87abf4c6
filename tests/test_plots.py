"""Plots of measurements."""

from conman_lab.views import plots

RUNS = {"Conmon": (1.0, 2.0, 9.0), "Shim": (4.0,)}


def test_a_bar_is_the_median_and_its_dots_are_the_runs():
    (axes,) = plots.bars({"launch, ms": RUNS}).axes
    assert [bar.get_height() for bar in axes.patches] == [2.0, 4.0]
    assert [list(line.get_ydata()) for line in axes.lines] == [[1.0, 2.0, 9.0], [4.0]]
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ["Conmon\n2", "Shim\n4"]


def test_each_panel_has_its_title_and_there_are_no_empty_ones():
    titles = [f"panel {number}" for number in range(plots.ACROSS + 1)]
    figure = plots.bars(dict.fromkeys(titles, RUNS))
    assert [axes.get_title() for axes in figure.axes] == titles
