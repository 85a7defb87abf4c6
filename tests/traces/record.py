"""Record the traces that tests draw from, with a real runtime: as root, by hand.

python tests/traces/record.py
"""

from pathlib import Path

from conman_lab.lab import Lab
from conman_lab.observe import trace
from conman_lab.stream import Stream

HERE = Path(__file__).parent


def record(lab, launcher, bundle):
    """One container's life: created, started, heard to its end, deleted."""
    with trace() as t:
        container = launcher.create("hello", lab.bundle(bundle).directory)
        t.mark("created")
        container.start()
        if launcher.name == "Naive":
            container.output(Stream.STDOUT)
        else:
            container.wait(5)
        t.mark("ended")
        container.delete()
    t.without_places().save(HERE / f"{launcher.name.lower()}-run.json")
    print(t, t.table(), sep="\n\n")


lab = Lab("record")
for launcher in (lab.naive, lab.shim):
    record(lab, launcher, "hello")
lab.close()
