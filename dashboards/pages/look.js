// Light or dark: what the visitor chose, else what the system says. It runs before anything is drawn, and the cookie
// lets the server draw the next page that way from the start. What is clicked is looked for inside of components too.
(() => {
  const NAME = "tqs-look"
  const root = document.documentElement
  const system = matchMedia("(prefers-color-scheme: dark)")

  const chosen = () => {
    try {
      const look = localStorage.getItem(NAME)
      return look === "light" || look === "dark" ? look : null
    } catch {
      return null // the browser keeps nothing
    }
  }
  const apply = () => {
    const look = chosen() ?? (system.matches ? "dark" : "light")
    root.dataset.theme = look // components follow this attribute
    root.style.colorScheme = look
    document.cookie = `${NAME}=${look}; path=/; max-age=31536000; samesite=lax`
  }
  const choose = () => {
    const look = root.dataset.theme === "dark" ? "light" : "dark"
    try {
      localStorage.setItem(NAME, look)
    } catch {
      root.dataset.theme = root.style.colorScheme = look
      return
    }
    apply()
  }
  const find = (place, selector) => {
    const here = place.querySelector(selector)
    if (here) return here
    for (const element of place.querySelectorAll("*")) {
      const inside = element.shadowRoot && find(element.shadowRoot, selector)
      if (inside) return inside
    }
    return null
  }
  const skip = event => {
    const content = find(document, "main")
    if (!content) return
    event.preventDefault()
    content.tabIndex = -1
    content.focus()
  }

  apply()
  system.addEventListener("change", apply)
  addEventListener("storage", apply)
  addEventListener("click", event => {
    const does = event.composedPath().find(node => node.dataset?.does)?.dataset.does
    if (does === "look") choose()
    if (does === "skip") skip(event)
  })
})()
