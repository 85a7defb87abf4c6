"""A lab for benchmarks: beside it is another one, whose containers a conmand keeps."""

from conman_lab.lab.daemon import Daemon
from conman_lab.lab.workspace import Lab


class BenchLab(Lab):
    """A root has one manager, so a manager in process and a daemon take two labs."""

    _beside: Lab | None = None
    _daemon: Daemon | None = None

    @property
    def daemon(self) -> Daemon:
        """The other one's conmand."""
        if self._daemon is None:
            self._beside = Lab(f"{self.name}-conmand")
            self._daemon = self._beside.conmand()
        return self._daemon

    def restart_daemon(self) -> Daemon:
        """Kill it; the next one, which answers."""
        assert self._beside
        self.daemon.kill()
        self._daemon = self._beside.conmand()
        return self._daemon

    def end(self) -> None:
        """End both."""
        if self._beside:
            self._beside.end()
        super().end()
