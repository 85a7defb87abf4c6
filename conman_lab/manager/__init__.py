"""Many shims, one memory: the life of containers on one host.

vocabulary.py  what may be asked of a manager, wherever it is
answers.py     what it answers with, besides containers
container.py   a container as its manager knows it, and what may be done to it when
store.py       containers on disk: a directory each
facts.py       what has become of one, as the files and the kernel tell it
manager.py     all that can be done to a container, in the order of a life; read it next
recipe.py      what a container is to be
beginning.py   how it begins, and begins again
overlay.py     a root file system that may be written, without a copy
ending.py      SIGTERM, a deadline, SIGKILL, a deadline, an error
removal.py     leaves nothing of it, whatever state it is in
restoring.py   finds everyone again, and finishes or undoes what was under way
restarts.py    starts again what has ended, if its policy says so
steps.py       every step can be the last: the places where a manager may be killed
looking.py     what can be asked, and changes nothing
logs.py        a log read back; following.py, as it grows; stats.py, what it uses
talking.py     attach and exec; sessions.py, a viewer; commands.py, those that run
client.py      all of it in another process; remote.py, its sessions
house.py       what all verbs share: the files, the runtime, and everyone in memory
register.py    everyone in memory, found by id or name; outcome.py, how each ends
watcher.py     hears of every end, and never asks
events.py      what has happened, in order
ownership.py   one manager has a root

and its door: wire/, the protocol; conmand/, a manager behind it; conmanctl/, who calls
"""
