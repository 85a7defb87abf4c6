// The living tree in a notebook's page.  Python sends rows, and the page draws them:
//
//     rows      what there is, top to bottom, each with all that it shows
//     running   false when nobody looks any more
//     trouble   why not, if it was not asked for
//
// Pausing is done here and not in Python: a busy kernel would hear of it too late.

const NEW = 2500 // ms for which a process that has just come is marked

function element(kind, name, text) {
  const made = document.createElement(kind)
  made.className = name
  if (text) made.textContent = text
  return made
}

function chip([kind, colour], inherits) {
  const made = element("span", inherits ? "chip inherited" : "chip", kind)
  made.style.setProperty("--hue", colour)
  made.title = inherits
    ? `the ${kind} namespace of its parent`
    : `a ${kind} namespace that is not the host's`
  return made
}

function details(row) {
  const table = element("dl", "details")
  for (const [what, value] of row.details) {
    table.append(element("dt", "", what), element("dd", "", value))
  }
  return table
}

// One row, and below it, if it was clicked, all that is known of the process.
function line(row, open, toggle, picked) {
  const made = element("div", `row ${row.state}`)
  made.setAttribute("role", "option")
  made.setAttribute("aria-selected", row.key === picked)
  const head = element("div", "head")
  const words = element("span", "words", row.words)
  head.append(
    element("span", "guide", row.guide),
    element("span", "name", row.name),
    words,
    ...row.facts.map((fact) => element("span", `fact ${fact.split(" ")[0]}`, fact)),
    ...row.chips.map((each) => chip(each, row.inherits)),
  )
  head.title = "click for pid, session, cgroup and the whole command line"
  head.onclick = () => toggle(row.key)
  made.append(head)
  if (open.has(row.key)) made.append(details(row))
  return made
}

function count(rows) {
  const ended = rows.filter((row) => row.state === "ended").length
  const alive = rows.length - ended
  return `${alive} ${alive === 1 ? "process" : "processes"}, ${ended} ended`
}

function render({ model, el }) {
  const came = new Map() // when each row was drawn first
  const open = new Set() // rows with their details
  let [rows, paused, all] = [model.get("rows"), false, true]
  let [drawn, picked] = [[], null] // the rows that are shown, and the key of one

  const bar = element("div", "bar")
  const light = element("span", "light")
  const summary = element("span", "summary")
  const pause = element("button", "pause", "pause")
  const hide = element("button", "hide", "hide ended")
  const body = element("div", "rows")
  bar.append(light, summary, pause, hide)
  el.classList.add("conman-lab-tree")
  el.replaceChildren(bar, body)
  body.tabIndex = 0
  body.setAttribute("role", "listbox")
  body.setAttribute("aria-label", "processes: up and down choose one, Enter tells more of it")
  takeKeys(body)

  const toggle = (key) => {
    if (!open.delete(key)) open.add(key)
    draw()
  }

  function draw(first = false) {
    const now = performance.now()
    drawn = rows.filter((row) => all || row.state !== "ended")
    body.replaceChildren(...drawn.map((row) => {
      if (!came.has(row.key)) came.set(row.key, first ? now - NEW : now)
      const made = line(row, open, toggle, picked)
      const age = now - came.get(row.key)
      if (age < NEW) {
        made.classList.add("new")
        made.style.animationDelay = `${-age}ms` // it is redrawn while it fades
      }
      return made
    }))
    if (!drawn.length) body.replaceChildren(element("div", "nothing", "no processes"))
    const trouble = kernel.gone ? GONE : model.get("trouble")
    const looks = model.get("running") && !trouble
    const state = paused ? "paused" : looks ? "watching" : "stopped"
    light.className = `light ${state}`
    summary.textContent = [count(rows), state, trouble].filter(Boolean).join(" · ")
    pause.textContent = paused ? "resume" : "pause"
    hide.textContent = all ? "hide ended" : "show ended"
  }

  function pick(by) {
    const at = drawn.findIndex((row) => row.key === picked) + by
    picked = drawn[Math.max(0, Math.min(at, drawn.length - 1))]?.key
    draw()
    body.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" })
  }

  body.onkeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key]
    if (by) pick(by)
    else if (picked && ["Enter", " "].includes(event.key)) toggle(picked)
    else return
    event.preventDefault()
  }

  const changed = () => {
    if (paused) return
    rows = model.get("rows")
    draw()
  }
  pause.onclick = () => {
    paused = !paused
    rows = paused ? rows : model.get("rows")
    draw()
  }
  hide.onclick = () => {
    all = !all
    draw()
  }
  const kernel = new Kernel(model, () => draw())
  model.on("change", changed)
  draw(true)
  kernel.send({ shown: 1 })
  return () => {
    model.off("change", changed)
    kernel.forget()
    kernel.send({ shown: -1 }) // who does not look need not be told
  }
}

export default { render }
