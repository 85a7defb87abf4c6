// A container's life in a notebook's page: Python draws it, and says what there is to say.
//
//     picture.svg      the drawing
//     picture.words    the container's name and state, also for who listens
//     running          false when nobody asks any more

function render({ model, el }) {
  el.classList.add("conman-lab-states")
  const words = document.createElement("div")
  words.className = "words"
  words.setAttribute("role", "status")
  const drawing = document.createElement("div")
  el.replaceChildren(words, drawing)

  const draw = () => {
    const { svg, words: said } = model.get("picture")
    const trouble = kernel.gone ? GONE : model.get("trouble")
    const state = model.get("running") && !trouble ? "watching" : "stopped"
    words.textContent = [said, state, trouble].filter(Boolean).join(" · ")
    drawing.innerHTML = svg // all that is somebody else's in it was escaped
  }
  const kernel = new Kernel(model, draw)
  model.on("change", draw)
  draw()
  kernel.send({ shown: 1 })
  return () => {
    model.off("change", draw)
    kernel.forget()
    kernel.send({ shown: -1 })
  }
}

export default { render }
