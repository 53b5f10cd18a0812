// What a page does in the browser beside what it shows.

export function render({model, el}) {
  el.style.scrollMarginTop = "80px" // below the bar
  const write = () => { history.replaceState(history.state, "", `${location.pathname}${model.address}`) }
  model.on("address", write)

  model.on("revealed", () => {
    // After what the page changed at the same time is drawn.
    setTimeout(() => {
      const box = el.getRootNode().host.getBoundingClientRect()
      if (box.top < 0 || box.top > 0.6 * innerHeight) el.scrollIntoView({behavior: motion(), block: "start"})
    }, 150)
  })

  el.tabIndex = -1
  el.style.outline = "none"
  const focus = () => { setTimeout(() => el.focus({preventScroll: true}), 150) }
  model.on("focused", focus)
  if (model.focused) focus()

  const press = event => {
    // The code, not the key: with Alt some keyboards write other letters.
    if (!event.altKey || event.ctrlKey || event.metaKey || event.code !== model.key_code) return
    event.preventDefault()
    model.pressed += 1
  }
  document.addEventListener("keydown", press)
  return () => document.removeEventListener("keydown", press)
}

function motion() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth"
}
