// A terminal's window in a notebook's page.  Python has the screen, and we draw it:
//
//     face     rows of runs [text, styles, ink, paper], cursor, size, title, ended
//     past     the lines that have scrolled off, and the number of the first
//     heard    the number of what we told last, when the kernel has heard it
//
// Keys go to Python by their names, text as it is.  A text area that nobody sees takes
// them: so what an input method composes, and what is pasted, is text to us as well.

const PATIENCE = 600 // ms until we say that the kernel is busy
const NAMED = /^(Arrow(Up|Down|Left|Right)|Home|End|Page(Up|Down)|Insert|Delete|F\d+|Enter|Tab|Backspace|Escape)$/
const MODIFIERS = ["Control", "Alt", "Shift", "Meta"]

function element(kind, name, text) {
  const made = document.createElement(kind)
  made.className = name
  if (text) made.textContent = text
  return made
}

const colour = (name) => (name.startsWith("#") ? name : `var(--${name})`)

function run([text, styles, ink, paper]) {
  const made = element("span", styles, text)
  if (ink !== "ink") made.style.color = colour(ink)
  if (paper !== "paper") made.style.background = colour(paper)
  // a glyph of another font must not move those behind it
  if (/[^\x20-\x7e]/.test(text)) {
    const letters = [...text.replace(/\p{M}/gu, "")] // an accent has no cell of its own
    const cells = letters.length * (styles.includes("wide") ? 2 : 1)
    made.classList.add("foreign")
    made.style.width = `calc(${cells} * var(--cell))`
  }
  return made
}

function line(runs) {
  const made = element("div", "line")
  made.append(...runs.map(run))
  return made
}

// Only what has changed is drawn: a text that somebody has selected stays selected.
function drawRows(into, rows, drawn) {
  rows.forEach((runs, at) => {
    const now = JSON.stringify(runs)
    if (drawn[at] === now) return
    drawn[at] = now
    if (into.children[at]) into.children[at].replaceWith(line(runs))
    else into.append(line(runs))
  })
  drawn.length = rows.length
  while (into.children.length > rows.length) into.lastChild.remove()
}

function drawPast(into, { first = 0, lines = [] }, kept) {
  if (first > kept.end || first + lines.length < kept.end) {
    into.replaceChildren() // it was cleared, or too much has come at once
    kept.first = kept.end = first
  }
  into.append(...lines.slice(kept.end - first).map(line))
  kept.end = first + lines.length
  for (; kept.first < first; kept.first++) into.firstChild?.remove()
}

// `ctrl-shift-Up`, or nothing if it is text, or the browser's own.
function keyName(event) {
  const { key } = event
  if (MODIFIERS.includes(key) || event.metaKey) return null
  const graph = event.getModifierState("AltGraph")
  const named = NAMED.test(key)
  if (!named && (graph || !(event.ctrlKey || event.altKey) || [...key].length !== 1)) return null
  const held = [
    [event.ctrlKey && !graph, "ctrl-"],
    [event.altKey && !graph, "alt-"],
    [event.shiftKey && named, "shift-"],
  ]
  const name = key === " " ? "Space" : key.replace("Arrow", "")
  return held.map(([is, word]) => (is ? word : "")).join("") + name
}

function render({ model, el }) {
  const bar = element("div", "bar")
  const light = element("span", "light")
  const title = element("span", "title")
  const state = element("span", "state")
  const sizes = element("span", "sizes")
  const frame = element("div", "frame")
  const view = element("div", "view")
  const past = element("div", "past")
  const screen = element("div", "screen")
  const rows = element("div", "rows")
  const cursor = element("span", "cursor")
  const keys = element("textarea", "keys")
  const corner = element("div", "corner")
  const probe = element("span", "probe", "0".repeat(50))
  const [drawn, kept] = [[], { first: 0, end: 0 }]
  const untold = []
  let told = 0
  let waiting

  Object.assign(keys, { spellcheck: false, autocapitalize: "off", autocomplete: "off" })
  keys.setAttribute("aria-label", "the terminal's keyboard")
  corner.title = "drag, and the terminal has another size"
  bar.title = "click into the screen, and type; ctrl-c is the container's, "
    + "but with text selected it copies; ctrl-v pastes"
  // JupyterLab's shortcuts are not for whoever types here
  el.dataset.lmSuppressShortcuts = "true"
  el.classList.add("conman-lab-terminal")
  bar.append(light, title, state, sizes)
  screen.append(rows, cursor)
  view.append(past, screen, probe)
  frame.append(view, keys) // beside it: what is typed into is scrolled to
  el.replaceChildren(bar, frame, corner)

  const cell = () => {
    const { width } = probe.getBoundingClientRect()
    return { width: width / 50, height: parseFloat(getComputedStyle(view).lineHeight) }
  }

  // One message at a time, with all that was typed while the last one was on its way:
  // the kernel hears of two at once in any order.
  function tell(what) {
    untold.push(what)
    view.scrollTop = view.scrollHeight
    tellMore()
  }

  function tellMore() {
    if (told > model.get("heard") || !untold.length) return
    told = Math.max(Date.now(), told + 1)
    kernel.send({ told: untold.splice(0), number: told })
    clearTimeout(waiting)
    waiting = setTimeout(status, PATIENCE)
  }

  const over = () => model.get("face").ended || (kernel.gone && GONE)

  function status() {
    const { size, title: name } = model.get("face")
    const ended = over()
    const busy = !ended && told > model.get("heard") && Date.now() - told >= PATIENCE
    const focused = el.classList.contains("focused")
    light.className = `light ${ended ? "ended" : busy ? "busy" : "open"}`
    title.textContent = name
    state.textContent = ended
      || (busy && "the kernel is busy: what you type waits until its cell has ended")
      || (focused ? "" : "click to type")
    sizes.textContent = size.join(" × ")
    el.classList.toggle("over", Boolean(ended))
  }

  function draw() {
    const { rows: lines, cursor: at, size, alternate } = model.get("face")
    if (!lines) return
    const follows = view.scrollTop + view.clientHeight >= view.scrollHeight - 4
    drawRows(rows, lines, drawn)
    past.hidden = alternate
    cursor.hidden = !at
    if (at) {
      cursor.style.top = `calc(${at[0]} * var(--line))`
      cursor.style.left = `calc(${at[1]} * var(--cell))`
    }
    el.style.setProperty("--rows", size[0])
    el.style.setProperty("--columns", size[1])
    if (follows) view.scrollTop = view.scrollHeight
    status()
  }

  function drawAllPast() {
    const follows = view.scrollTop + view.clientHeight >= view.scrollHeight - 4
    drawPast(past, model.get("past"), kept)
    if (follows) view.scrollTop = view.scrollHeight
  }

  const selected = () => {
    const selection = getSelection()
    return !selection.isCollapsed && view.contains(selection.anchorNode)
  }

  // --- the keyboard

  el.addEventListener("keydown", (event) => {
    event.stopPropagation()
    if (event.isComposing || over()) return
    const copies = event.ctrlKey && event.key === "c" && selected()
    const pastes = event.key === "v" && event.ctrlKey || event.key === "Insert" && event.shiftKey
    if (copies || pastes) return
    const name = keyName(event)
    if (!name) return
    event.preventDefault()
    getSelection().removeAllRanges()
    tell({ press: name })
    keys.focus({ preventScroll: true })
  })
  keys.addEventListener("input", (event) => {
    if (event.isComposing) return
    if (keys.value) tell({ type: keys.value })
    keys.value = ""
  })
  keys.addEventListener("compositionend", () => {
    if (keys.value) tell({ type: keys.value })
    keys.value = ""
  })
  keys.addEventListener("paste", (event) => {
    event.preventDefault()
    event.stopPropagation()
    tell({ paste: event.clipboardData.getData("text/plain") })
  })
  keys.addEventListener("focus", () => { el.classList.add("focused"); status() })
  keys.addEventListener("blur", () => { el.classList.remove("focused"); status() })
  view.addEventListener("mouseup", () => {
    if (!selected()) keys.focus({ preventScroll: true })
  })

  // --- the corner

  corner.addEventListener("pointerdown", (event) => {
    event.preventDefault()
    corner.setPointerCapture(event.pointerId)
    const [begin, { width, height }] = [model.get("face").size, cell()]
    const sized = (now) => [
      Math.max(2, begin[0] + Math.round((now.clientY - event.clientY) / height)),
      Math.max(10, begin[1] + Math.round((now.clientX - event.clientX) / width)),
    ]
    corner.onpointermove = (now) => {
      const [lines, columns] = sized(now)
      el.style.setProperty("--rows", lines)
      el.style.setProperty("--columns", columns)
      sizes.textContent = `${lines} × ${columns}`
    }
    corner.onpointerup = (now) => {
      corner.onpointermove = corner.onpointerup = null
      tell({ size: sized(now) })
    }
  })

  const heard = () => {
    tellMore()
    status()
  }
  const kernel = new Kernel(model, status)
  model.on("change:face", draw)
  model.on("change:past", drawAllPast)
  model.on("change:heard", heard)
  drawAllPast()
  draw()
  requestAnimationFrame(() => {
    el.style.setProperty("--cell", `${cell().width}px`)
    view.scrollTop = view.scrollHeight
  })
  return () => {
    clearTimeout(waiting)
    kernel.forget()
    model.off("change:face", draw)
    model.off("change:past", drawAllPast)
    model.off("change:heard", heard)
  }
}

export default { render }
