// Processes over time in a notebook's page: a tree at the left, and beside each of its
// rows a lane.  Python sends a `picture`, and in `changed` what has become of it since:
//
//     lanes   by key: name, guide, phases [at, words, hue, forked], born, ended, ...
//     order   their keys from top to bottom
//     spans   [name, began, ended, depth, details]: what our own code was doing
//     marks   [at, text]: what the learner wanted to find again
//     folds   [from, to]: when nothing happened, and too long to be drawn to scale
//     last    when something happened last;  now: when it was looked at last
//
// All times are seconds since the trace began.  Pausing, scrubbing, zooming and playing
// are done here and not in Python: a busy kernel would hear of them too late, and a
// reader without a kernel can replay as well.

const SVG = "http://www.w3.org/2000/svg"
const [LANE, BAR, LEVEL, AXIS, FLAG] = [24, 15, 17, 22, 15] // heights, in pixels
const [LEFT, RIGHT] = [10, 58] // room for a number, and for the exit behind the last bar
const LETTER = 6.3 // width of one, on a bar
const LINES = 3 // of the texts of marks
const PLAY = 8 // seconds that a replay takes
const FOLDED = 0.05 // what a fold takes, of all the rest
const TWICE = 350 // ms within which two presses are one
const MOST = 8 // phases that are told of a process
const QUIETEST = 1e-5 // seconds: nothing is zoomed beyond

// --- elements

function element(kind, name, text) {
  const made = document.createElement(kind)
  made.className = name
  if (text) made.textContent = text
  return made
}

function shape(kind, attributes, text) {
  const made = document.createElementNS(SVG, kind)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  if (text != null) made.textContent = text
  return made
}

function button(name, title, does) {
  const made = element("button", name.replaceAll(" ", "-"), name)
  made.type = "button"
  made.title = title
  made.onclick = does
  return made
}

// --- time

const exact = (t) => (Math.abs(t) < 10 ? `${(t * 1e3).toFixed(3)} ms` : `${t.toFixed(4)} s`)

function rough(t) {
  if (t < 1) return `${Number((t * 1e3).toPrecision(3))} ms`
  return t < 100 ? `${Number(t.toPrecision(3))} s` : `${Math.round(t)} s`
}

// Seconds to places and back: a place is seconds too, but folds are short there.
function scale(folds, end) {
  const inside = folds.filter(([from]) => from < end).map(([from, to]) => [from, Math.min(to, end)])
  const quiet = inside.reduce((sum, [from, to]) => sum + to - from, 0)
  const width = Math.max(end - quiet, QUIETEST) * FOLDED
  const points = [[0, 0]]
  for (const [from, to] of inside) {
    const [t, u] = points.at(-1)
    points.push([from, u + from - t], [to, u + from - t + Math.min(width, to - from)])
  }
  const [t, u] = points.at(-1)
  points.push([Math.max(end, t + QUIETEST), u + Math.max(end - t, QUIETEST)])
  const along = (value, from, to) => {
    let at = 1
    while (at < points.length - 1 && points[at][from] < value) at += 1
    const [a, b] = [points[at - 1], points[at]]
    const length = b[from] - a[from]
    return length ? a[to] + ((value - a[from]) / length) * (b[to] - a[to]) : b[to]
  }
  return {
    folds: inside,
    total: points.at(-1)[1],
    place: (t) => along(t, 0, 1),
    time: (u) => along(u, 1, 0),
  }
}

// 1, 2 or 5 times a power of ten, and not less than `least`.
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least))
  return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= least * 0.999)
}

// --- what there was at time t

const living = (lane, t) => lane.ended == null || lane.ended > t
const isZombie = (lane, t) => !living(lane, t) && (lane.reaped == null ? lane.zombie : lane.reaped > t)

function phaseAt(lane, t) {
  let now = lane.phases[0]
  for (const phase of lane.phases) if (phase[0] <= t) now = phase
  return now
}

function stateAt(lane, t) {
  return living(lane, t) ? "" : isZombie(lane, t) ? "zombie" : "ended"
}

function adoptedAt(lane, t) {
  return lane.adoptions.filter(([at]) => at <= t).at(-1)
}

function factsAt(lane, t) {
  const state = stateAt(lane, t)
  const facts = state === "zombie" ? ["zombie"] : []
  if (state && lane.exit) facts.push(lane.exit)
  const adopted = adoptedAt(lane, t)
  if (adopted) facts.push(`adopted by ${adopted[2]}`)
  return facts
}

// --- the tree at the left

function chip([kind, colour]) {
  const made = element("span", "chip", kind)
  made.style.setProperty("--hue", colour)
  made.title = `a ${kind} namespace of its own`
  return made
}

function row(lane, t, selected) {
  const state = stateAt(lane, t)
  const made = element("div", `row ${state}`)
  const words = phaseAt(lane, t)[1]
  made.append(
    element("span", "guide", lane.guide),
    element("span", "name", lane.name),
    element("span", "words", words),
    ...lane.chips.map(chip),
  )
  made.dataset.key = lane.key
  made.setAttribute("role", "option")
  made.setAttribute("aria-selected", selected)
  made.setAttribute("aria-label", [lane.name, words, ...factsAt(lane, t)].join(", "))
  if (selected) made.classList.add("selected")
  return made
}

// --- the lanes

function fitted(text, width) {
  const letters = Math.floor((width - 6) / LETTER)
  if (text.length <= letters) return text
  return letters < 4 ? "" : `${text.slice(0, letters - 1)}…`
}

// What is left of the page is cut, so that its text begins where it can be read.
function bar(began, until, y, hue, name, text) {
  const x = Math.max(began, -4)
  const width = Math.max(until - x, 1.5)
  const group = shape("g", { class: name, style: `--hue: ${hue}` })
  if (until < x) return group
  group.append(shape("rect", { x, y, width: Math.min(width, 5000), height: BAR, rx: Math.min(2.5, width / 3) }))
  const words = fitted(text, width)
  if (words) group.append(shape("text", { x: x + 4, y: y + BAR - 4 }, words))
  return group
}

// One process: what it was called since when, and how it ended.
function life(lane, y, { x, t }) {
  const made = []
  const end = Math.min(lane.ended ?? t, t)
  lane.phases.forEach(([at, words, hue, forked], number) => {
    const until = Math.min(lane.phases[number + 1]?.[0] ?? end, end)
    if (at > t || until < at) return
    made.push(bar(x(at), x(until), y, hue, forked ? "phase forked" : "phase", words))
  })
  if (!living(lane, t)) {
    if (isZombie(lane, t) || lane.reaped > lane.ended) {
      const until = Math.min(lane.reaped ?? t, t)
      made.push(bar(x(lane.ended), x(until), y, "var(--wrong)", "phase dead", "zombie"))
    }
    const left = x(isZombie(lane, t) ? t : Math.max(lane.ended, lane.reaped ?? 0))
    made.push(shape("path", { class: "stop", d: `M${left},${y - 1.5}v${BAR + 3}` }))
    const failed = lane.failed ? "exit failed" : "exit"
    if (lane.exit) made.push(shape("text", { class: failed, x: left + 4, y: y + BAR - 4 }, lane.exit))
  }
  return made
}

function arrow(name, x, from, to) {
  const way = to > from ? -1 : 1
  const head = `M${x - 3},${to + 5 * way}L${x},${to}L${x + 3},${to + 5 * way}`
  return shape("path", { class: name, d: `M${x},${from}V${to}${head}` })
}

// From the dead parent to the adopter, and a ring where the child is.
function adoptions(lane, rows, { x, t, top }) {
  const made = []
  for (const [at, adopter] of lane.adoptions) {
    if (at > t || !rows.has(lane.key)) continue
    const from = rows.get(lane.parent)
    const to = adopter == null ? -1 : rows.get(adopter)
    const middle = (row) => top + row * LANE + LANE / 2
    if (from != null && to != null) {
      const down = to > from ? 1 : -1
      const end = to < 0 ? top - 3 : middle(to) - (down * BAR) / 2
      made.push(arrow("adoption", x(at), middle(from) + (down * BAR) / 2, end))
    }
    made.push(shape("circle", { class: "adopted", cx: x(at), cy: middle(rows.get(lane.key)) - BAR / 2, r: 3.5 }))
  }
  return made
}

function forks(lane, rows, { x, t, top }) {
  const parent = rows.get(lane.parent)
  if (parent == null || lane.born > t || lane.seen) return []
  const child = rows.get(lane.key)
  const from = top + parent * LANE + LANE / 2 + BAR / 2
  return [arrow("fork", x(lane.born), from, top + child * LANE + (LANE - BAR) / 2)]
}

// --- axis, spans, marks

function decimals(step) {
  return Math.max(0, -Math.floor(Math.log10(step) + 1e-9))
}

function ticks(drawing, height) {
  const { left, right, x, u0, u1, pixels } = drawing
  const step = niceStep(((u1 - u0) / pixels) * 85)
  const [from, to] = [drawing.scale.time(u0), drawing.scale.time(u1)]
  const inSeconds = step >= 0.5
  const unit = inSeconds ? 1 : 1e3
  const made = []
  const busy = []
  let began = from
  for (const [a, b] of [...drawing.scale.folds, [Infinity, Infinity]]) {
    if (a > began) busy.push([began, Math.min(a, to)])
    began = Math.max(began, b)
  }
  let last = -Infinity
  for (const [a, b] of busy) {
    for (let n = Math.ceil(a / step - 1e-9); n * step <= b + step * 1e-9; n += 1) {
      const at = x(n * step)
      if (at < left - 1 || at > right + RIGHT - 20) continue
      made.push(shape("path", { class: "grid", d: `M${at},${AXIS - 4}V${height}` }))
      if (at - last < 52) continue
      const text = (n * step * unit).toFixed(decimals(step * unit))
      made.push(shape("text", { class: "tick", x: at, y: AXIS - 8 }, text))
      last = at
    }
  }
  made.push(shape("text", { class: "unit", x: right + RIGHT - 4, y: AXIS - 8 }, inSeconds ? "s" : "ms"))
  return made
}

// Where time was folded: a band, and how long it was.
function bands({ x, scale, left, right }, height) {
  return scale.folds.flatMap(([from, to]) => {
    const [a, b] = [x(from), x(to)]
    if (b < left || a > right) return []
    const middle = (a + b) / 2
    return [
      shape("rect", { class: "fold", x: a, y: AXIS - 4, width: Math.max(b - a, 2), height: height - AXIS + 4 }),
      shape("text", { class: "fold", x: middle, y: height - 4 }, b - a > 14 ? rough(to - from) : ""),
    ]
  })
}

function spanBars(spans, { x, t }, top) {
  return spans.filter(([, began]) => began <= t).map(([name, began, ended, depth]) => {
    return bar(x(began), x(Math.min(ended ?? t, t)), top + depth * LEVEL, "var(--faint)", "span", name)
  })
}

// A mark's text goes on the first line where there is room for it.
function placed(marks, { x, t, left, right }) {
  const ends = [] // of the texts, line by line
  return marks.flatMap(([at, text]) => {
    const place = x(at)
    if (at > t || place < left - 1 || place > right + 1) return []
    let line = ends.findIndex((end) => end < place)
    if (line < 0) line = Math.min(ends.length, LINES - 1)
    ends[line] = place + text.length * LETTER + 10
    return [{ place, text, line }]
  })
}

function flags(found, top, height) {
  return found.flatMap(({ place, text, line }) => [
    shape("path", { class: "mark", d: `M${place},${top}V${height}` }),
    shape("text", { class: "mark", x: place + 4, y: top + line * FLAG + 11 }, text),
  ])
}

// --- what is told of one place

function facts(pairs) {
  const table = element("dl", "")
  for (const [what, value] of pairs) {
    if (value) table.append(element("dt", "", what), element("dd", "", value))
  }
  return table
}

function took(from, to) {
  return to == null ? `since ${exact(from)}` : `${exact(from)} to ${exact(to)}, ${exact(to - from)}`
}

// What it was called since when; the one that is pointed at stands out.
function phaseFacts(lane, t) {
  const now = phaseAt(lane, t)
  return lane.phases.slice(-MOST).map((phase, number, all) => {
    const [at, words, , forked] = phase
    const until = all[number + 1]?.[0] ?? lane.ended
    const long = until == null ? "" : `, ${exact(until - at)}`
    const name = `${phase === now ? "▸ " : ""}${forked ? "fork of " : ""}${words}`
    return [lane.seen && !number ? "before" : exact(at), `${name}${long}`]
  })
}

function ofLane(lane, lanes, t) {
  const parent = lanes[lane.parent]
  const unasked = lane.reaped > lane.ended && `zombie for ${exact(lane.reaped - lane.ended)}`
  return [
    element("b", "", `${lane.name} ${phaseAt(lane, t)[1]}`),
    facts([
      ["lived", took(lane.born, lane.ended)],
      ...phaseFacts(lane, t),
      ["parent", parent && `${parent.name} ${phaseAt(parent, lane.born)[1]}`],
      ...lane.adoptions.map(([at, , name]) => ["adopted", `by ${name} at ${exact(at)}`]),
      ["ended", [lane.exit, unasked].filter(Boolean).join(", ")],
      ["namespaces", lane.chips.map(([kind]) => kind).join(" ")],
      ...lane.details,
    ]),
  ]
}

function ofSpan([name, began, ended, , details]) {
  return [element("b", "", name), facts([["our code", took(began, ended)], ...details])]
}

// --- one view

class View {
  constructor(model, el) {
    this.model = model
    this.picked = null // the key of a row
    this.window = null // places [from, to] that are shown; null: all
    this.t = null // the time that is shown; null: the present
    this.playing = false
    this.all = true
    this.folded = true
    this.held = null // the present, while we stand still
    this.kernel = new Kernel(model, () => this.draw())
    this.read()
    this.build(el)
    this.off = new AbortController()
    this.listen()
    this.sizes = new ResizeObserver(() => this.draw())
    this.sizes.observe(this.lanes)
    this.clock = setInterval(() => this.tick(), 100)
    this.draw()
  }

  read() {
    const [picture, changed] = [this.model.get("picture"), this.model.get("changed")]
    const lanes = { ...picture.lanes, ...changed.lanes }
    this.picture = { ...picture, ...changed, lanes }
    this.received = performance.now()
  }

  build(el) {
    el.classList.add("conman-lab-tree", "conman-lab-swimlane")
    this.light = element("span", "light")
    this.summary = element("span", "summary")
    this.pause = button("pause", "stop here, or go on: space", () => this.toggle())
    this.hide = button("hide ended", "leave out those who have ended", () => {
      this.all = !this.all
      this.draw()
    })
    this.fold = button("to scale", "draw quiet times as long as they were, or fold them", () => {
      this.folded = !this.folded
      this.window = null
      this.draw()
    })
    const closer = button("+", "zoom in: +", () => this.zoom(0.6))
    const further = button("−", "zoom out: -", () => this.zoom(1 / 0.6))
    const fit = button("fit", "show all: 0", () => this.show(null))
    closer.setAttribute("aria-label", "zoom in")
    further.setAttribute("aria-label", "zoom out")
    const head = element("div", "bar")
    head.append(this.light, this.summary, this.pause, further, closer, fit, this.fold, this.hide)
    this.stage = element("div", "stage")
    this.stage.tabIndex = 0
    this.stage.dataset.lmSuppressShortcuts = "true" // JupyterLab's 0 0 restarts a kernel
    this.stage.setAttribute("role", "listbox")
    this.stage.setAttribute("aria-label", "processes over time: arrows choose and move, + and - zoom, 0 shows all, space pauses")
    this.names = element("div", "names")
    this.lanes = element("div", "lanes")
    this.svg = shape("svg", { "aria-hidden": true })
    this.lanes.append(this.svg)
    this.stage.append(this.names, this.lanes)
    this.slider = element("input", "scrub")
    Object.assign(this.slider, { type: "range", min: 0, max: 1000, step: 1, value: 1000 })
    this.slider.setAttribute("aria-label", "time")
    takeKeys(this.slider) // or an arrow would choose another cell
    this.time = element("output", "time")
    const foot = element("div", "foot")
    foot.append(this.slider, this.time)
    this.tip = element("div", "tip")
    this.tip.setAttribute("role", "status")
    this.tip.hidden = true
    el.replaceChildren(head, this.stage, foot, this.tip)
    this.el = el
  }

  listen() {
    const on = (target, what, does, options) =>
      target.addEventListener(what, does.bind(this), { signal: this.off.signal, ...options })
    on(this.stage, "keydown", this.key)
    on(this.stage, "wheel", this.wheel, { passive: false })
    on(this.stage, "pointermove", this.hover)
    on(this.stage, "pointerleave", () => this.tell(null))
    on(this.stage, "pointerdown", this.press)
    on(this.stage, "pointerup", this.release)
    on(this.stage, "blur", () => this.tell(null))
    on(this.slider, "input", this.scrub)
    this.changed = () => {
      this.read()
      this.draw()
    }
    this.model.on("change", this.changed)
  }

  end() {
    this.kernel.forget()
    this.off.abort()
    this.sizes.disconnect()
    clearInterval(this.clock)
    this.model.off("change", this.changed)
  }

  // --- time

  get trouble() {
    const wanted = this.model.get("running") // who has a whole trace needs no kernel
    return wanted && this.kernel.gone ? GONE : this.model.get("trouble")
  }

  get running() {
    return this.model.get("running") && !this.trouble
  }

  get present() {
    if (this.held != null) return this.held
    const { now } = this.picture
    return this.running ? now + (performance.now() - this.received) / 1e3 : now
  }

  get shown() {
    return this.t ?? this.present
  }

  tick() {
    if (this.playing) this.play()
    else if (this.running && this.t == null) this.draw()
  }

  toggle() {
    if (this.running || this.held != null) this.stand(this.t == null ? this.present : null)
    else {
      if (this.t == null) this.t = 0
      this.playing = !this.playing
      this.played = performance.now()
      if (this.playing) this.play()
    }
    this.draw()
  }

  // Stay at time t, and let the world go on; null: go along with it again.
  stand(t) {
    this.held = t == null ? null : this.present
    this.t = t
  }

  // A frame of a replay: folds are passed as fast as they are drawn.
  play() {
    const now = performance.now()
    const scale = this.drawing.scale
    const place = scale.place(this.t) + ((now - this.played) / 1e3 / PLAY) * scale.total
    this.played = now
    this.t = scale.time(place)
    if (place >= scale.total) [this.t, this.playing] = [null, false]
    this.draw()
    if (this.playing) requestAnimationFrame(() => this.playing && this.play())
  }

  scrub() {
    const part = this.slider.value / this.slider.max
    const t = this.drawing.scale.time(part * this.drawing.scale.total)
    this.playing = false
    if (this.running) this.stand(part >= 1 ? null : t)
    else this.t = part >= 1 ? null : t
    this.draw()
  }

  // --- place

  show(window) {
    const total = this.drawing.scale.total
    if (window) {
      let [from, to] = window
      const length = Math.min(Math.max(to - from, QUIETEST), total)
      from = Math.min(Math.max(from, 0), total - length)
      window = length < total * 0.999 ? [from, from + length] : null
    }
    this.window = window
    this.draw()
  }

  zoom(factor, at = 0.5) {
    const { u0, u1 } = this.drawing
    const still = u0 + (u1 - u0) * at
    this.show([still - (still - u0) * factor, still + (u1 - still) * factor])
  }

  move(part) {
    const { u0, u1 } = this.drawing
    const by = (u1 - u0) * part
    this.show([u0 + by, u1 + by])
  }

  // --- hands

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const does = {
      " ": () => this.toggle(),
      "+": () => this.zoom(0.6),
      "=": () => this.zoom(0.6),
      "-": () => this.zoom(1 / 0.6),
      0: () => this.show(null),
      Home: () => this.show(null),
      ArrowLeft: () => this.move(-0.15),
      ArrowRight: () => this.move(0.15),
      ArrowUp: () => this.pick(-1),
      ArrowDown: () => this.pick(1),
      Escape: () => this.unpick(),
    }[event.key]
    if (!does) return
    event.preventDefault()
    event.stopPropagation() // the notebook has its own use for these keys
    does()
  }

  pick(by) {
    const keys = this.rows.map((lane) => lane.key)
    const at = Math.max(0, Math.min(keys.length - 1, keys.indexOf(this.picked) + by))
    this.picked = keys[this.picked == null ? 0 : at] ?? null
    this.draw()
    const row = this.names.querySelector(".selected")
    row?.scrollIntoView({ block: "nearest" })
    const lane = this.picture.lanes[this.picked]
    if (row) this.tell(ofLane(lane, this.picture.lanes, this.shown), this.corner(row))
  }

  unpick() {
    this.picked = null
    this.tell(null)
    this.draw()
  }

  corner(row) {
    const [outer, inner] = [this.el.getBoundingClientRect(), row.getBoundingClientRect()]
    return [this.names.offsetWidth + 8, inner.bottom - outer.top]
  }

  wheel(event) {
    const inside = event.clientX - this.svg.getBoundingClientRect().left
    const focused = this.stage.contains(document.activeElement)
    if (inside < 0 || !(event.ctrlKey || event.metaKey || focused)) return
    event.preventDefault()
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.move(event.deltaX / 600)
    else this.zoom(1.002 ** event.deltaY, (inside - LEFT) / this.drawing.pixels)
  }

  // A press that follows another at once shows all.  The browser's own double click needs
  // an element that stays, and ours are drawn anew.
  press(event) {
    const twice = event.timeStamp - this.pressed < TWICE
    this.pressed = event.timeStamp
    if (twice) return this.show(null)
    const { left } = this.svg.getBoundingClientRect()
    this.dragged = event.clientX >= left ? event.clientX - left : null
    this.moved = event.shiftKey
    this.before = event.clientX
    const key = this.at(event).lane?.key ?? null
    if (key !== this.picked) {
      this.picked = key
      this.draw()
    }
  }

  release(event) {
    const [from, to] = [this.dragged, event.clientX - this.svg.getBoundingClientRect().left]
    this.dragged = null
    if (from == null || this.moved || Math.abs(to - from) < 6) return this.draw()
    const places = [from, to].sort((a, b) => a - b).map(this.drawing.back)
    this.show(places.map(this.drawing.scale.place))
  }

  // What is below the pointer: a lane or a span, and when.
  at(event) {
    const box = this.svg.getBoundingClientRect()
    const [x, y] = [event.clientX - box.left, event.clientY - box.top]
    const { back, top, spanTop, spanDepth } = this.drawing
    const t = x < 0 ? this.shown : Math.max(0, back(x))
    const lane = y >= top ? this.rows[Math.floor((y - top) / LANE)] : null
    const level = Math.floor((y - spanTop) / LEVEL)
    const span = level < spanDepth && this.picture.spans.find(
      ([, began, ended, depth]) => depth === level && began <= t && t <= (ended ?? this.shown),
    )
    return { x, t, lane, span }
  }

  hover(event) {
    const { x, t, lane, span } = this.at(event)
    if (this.dragged != null && this.moved) {
      this.move((this.before - event.clientX) / this.drawing.pixels)
      this.before = event.clientX
    }
    this.pointer = x
    this.cursor(x, t)
    const outer = this.el.getBoundingClientRect()
    const place = [event.clientX - outer.left + 14, event.clientY - outer.top + 14]
    const alive = lane && lane.born <= t
    if (span) this.tell(ofSpan(span), place)
    else if (alive) this.tell(ofLane(lane, this.picture.lanes, Math.min(t, this.shown)), place)
    else this.tell(null)
  }

  // The line that follows the pointer, and the part that is about to be zoomed.
  cursor(x, t) {
    this.svg.querySelector(".cursor")?.remove()
    if (x < LEFT || x > this.drawing.right + RIGHT) return
    const group = shape("g", { class: "cursor" })
    const height = this.drawing.height
    if (this.dragged != null && !this.moved) {
      const [a, b] = [Math.min(x, this.dragged), Math.max(x, this.dragged)]
      group.append(shape("rect", { x: a, y: AXIS - 4, width: b - a, height }))
    }
    const side = x > this.drawing.right - 70 ? "end" : "start"
    group.append(shape("path", { d: `M${x},${AXIS - 4}V${height}` }))
    group.append(shape("text", { x: x + (side === "end" ? -4 : 4), y: height - 5, "text-anchor": side }, exact(t)))
    this.svg.append(group)
  }

  tell(what, place) {
    this.tip.hidden = !what
    if (!what) return
    this.tip.replaceChildren(...what)
    const most = this.el.clientWidth - this.tip.offsetWidth - 6
    this.tip.style.left = `${Math.max(4, Math.min(place[0], most))}px`
    const { top } = this.el.getBoundingClientRect()
    const below = top + place[1] + this.tip.offsetHeight < window.innerHeight
    const above = place[1] - this.tip.offsetHeight - LANE
    this.tip.style.top = `${below || top + above < 0 ? place[1] : above}px`
  }

  // --- drawing

  draw() {
    const { lanes, order, spans, marks, folds } = this.picture
    const t = this.shown
    this.rows = order
      .map((key) => lanes[key])
      .filter((lane) => lane.born <= t && (this.all || living(lane, t)))
    const pixels = Math.max(120, this.lanes.clientWidth - LEFT - RIGHT)
    const spanDepth = Math.max(0, ...spans.map(([, , , depth]) => depth + 1))
    const flagTop = AXIS
    const line = scale(this.folded ? this.quiet(folds) : [], Math.max(this.present, QUIETEST))
    const [u0, u1] = this.window ?? [0, line.total]
    const x = (t) => LEFT + ((line.place(t) - u0) / (u1 - u0)) * pixels
    const back = (x) => line.time(u0 + ((x - LEFT) / pixels) * (u1 - u0))
    const [left, right] = [LEFT, LEFT + pixels]
    const marked = placed(marks, { x, t, left, right })
    const spanTop = flagTop + Math.max(0, ...marked.map(({ line }) => line + 1)) * FLAG
    const top = spanTop + spanDepth * LEVEL + (spanDepth ? 5 : 0)
    const height = top + Math.max(1, this.rows.length) * LANE + 18
    this.drawing = { x, back, t, u0, u1, scale: line, pixels, left, right, top, height, spanTop, spanDepth, marked }
    this.drawNames(top, spanTop, spanDepth, t)
    this.drawLanes(flagTop)
    this.say(t)
  }

  // What Python has folded, and the time since anything happened, if that is long.
  quiet(folds) {
    const { last } = this.picture
    const busy = folds.reduce((sum, [from, to]) => sum - (to - from), last)
    const since = this.present - last
    return busy > 0 && since > Math.max(busy, 0.02) ? [...folds, [last, this.present]] : folds
  }

  drawNames(top, spanTop, spanDepth, t) {
    const head = element("div", "head")
    head.style.height = `${top}px`
    if (spanDepth) {
      const ours = element("div", "ours", "our code")
      ours.style.top = `${spanTop}px`
      head.append(ours)
    }
    const rows = this.rows.map((lane) => row(lane, t, lane.key === this.picked))
    const nothing = element("div", "nothing", this.running ? "nothing yet" : "no processes")
    const names = element("div", "names")
    names.append(head, ...(rows.length ? rows : [nothing]))
    const more = this.picture.more
    if (more) names.append(element("div", "nothing", `and ${more} that are not drawn`))
    if (names.innerHTML !== this.written) {
      this.written = names.innerHTML // else what a hand is about to touch would be gone
      this.names.replaceChildren(...names.childNodes)
    }
    const most = Math.max(this.drawing.height, this.running ? 0 : this.stage.clientHeight)
    this.stage.style.minHeight = this.t != null && !this.running ? `${most}px` : ""
  }

  drawLanes(flagTop) {
    const { pixels, height, top, x, t } = this.drawing
    const { spans } = this.picture
    const rows = new Map(this.rows.map((lane, number) => [lane.key, number]))
    const inside = shape("g", {})
    this.rows.forEach((lane, number) => {
      const selected = lane.key === this.picked ? " selected" : ""
      const y = top + number * LANE
      inside.append(shape("rect", { class: `lane${selected}`, x: 0, y, width: LEFT + pixels + RIGHT, height: LANE }))
    })
    inside.append(
      ...bands(this.drawing, height),
      ...ticks(this.drawing, height - 16),
      ...spanBars(spans, this.drawing, this.drawing.spanTop),
      ...this.rows.flatMap((lane) => forks(lane, rows, this.drawing)),
      ...this.rows.flatMap((lane, number) => life(lane, top + number * LANE + (LANE - BAR) / 2, this.drawing)),
      ...this.rows.flatMap((lane) => adoptions(lane, rows, this.drawing)),
      ...flags(this.drawing.marked, flagTop, height - 16),
    )
    if (this.t != null) inside.append(shape("path", { class: "present", d: `M${x(t)},${AXIS - 4}V${height - 16}` }))
    this.svg.setAttribute("width", LEFT + pixels + RIGHT)
    this.svg.setAttribute("height", height)
    this.svg.replaceChildren(inside)
  }

  say(t) {
    const { scale } = this.drawing
    const alive = this.rows.filter((lane) => living(lane, t)).length
    const ended = this.rows.length - alive
    const paused = this.t != null && !this.playing
    const state = this.playing ? "playing" : paused ? "paused" : this.running ? "watching" : "recorded"
    this.light.className = `light ${state}`
    const processes = `${alive} ${alive === 1 ? "process" : "processes"}, ${ended} ended`
    this.summary.textContent = [processes, state, this.picture.source, this.trouble].filter(Boolean).join(" · ")
    this.pause.textContent = this.running || this.held != null ? (paused ? "resume" : "pause") : this.playing ? "pause" : "play"
    this.hide.textContent = this.all ? "hide ended" : "show ended"
    this.fold.textContent = this.folded ? "to scale" : "fold"
    this.fold.hidden = this.folded && !scale.folds.length
    if (document.activeElement !== this.slider || this.playing) {
      this.slider.value = Math.round((scale.place(t) / scale.total) * this.slider.max)
    }
    this.slider.setAttribute("aria-valuetext", exact(t))
    this.time.textContent = `${exact(t)} of ${exact(this.present)}`
  }
}

function render({ model, el }) {
  const view = new View(model, el)
  view.kernel.send({ shown: 1 })
  return () => {
    view.end()
    view.kernel.send({ shown: -1 })
  }
}

export default { render }
