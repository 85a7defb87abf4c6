// Before each widget's own code: whether there is still a kernel behind it.
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
