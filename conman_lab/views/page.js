// Before each widget's own code: what all of them know of the page that they are in.

// Who has come to an element by the keyboard has its keys for it.  After a click they are
// the notebook's: Shift-Enter goes on to run a cell.
function takeKeys(element) {
  const { dataset } = element
  element.addEventListener("focus", () => {
    if (element.matches(":focus-visible")) dataset.lmSuppressShortcuts = "true"
  })
  element.addEventListener("blur", () => delete dataset.lmSuppressShortcuts)
}

// --- the kernel behind it
//
// A page keeps its widgets when their kernel is restarted or dies.  Then nobody looks any
// more, and nobody hears what is typed; so they say that.  JupyterLab's kernel has signals
// for it; where a front end has none, sending fails.

const GONE = "the kernel has gone"
const ENDS = ["restarting", "autorestarting", "terminating", "dead"]

class Kernel {
  // `changed` is called once, when it has gone.
  constructor(model, changed) {
    this.model = model
    this.changed = changed
    this.gone = false
    this.signals = model.widget_manager?.kernel
    this.hear = (_, status) => ENDS.includes(status) && this.lose()
    this.lose = () => {
      if (this.gone) return
      this.gone = true
      this.changed()
    }
    this.signals?.statusChanged?.connect(this.hear)
    this.signals?.disposed?.connect(this.lose)
  }

  send(what) {
    try {
      this.model.send(what)
    } catch {
      this.lose()
    }
  }

  forget() {
    this.signals?.statusChanged?.disconnect(this.hear)
    this.signals?.disposed?.disconnect(this.lose)
  }
}
