// Builds the cards of PersonCards. Every text goes through textContent: nothing that a card holds can become markup.

export function render({model, el}) {
  const root = make("div", "root")
  el.append(root)

  const draw = () => {
    const held = heldFocus(el)
    root.replaceChildren(drawCards(model), drawFooter(model))
    if (held) root.querySelector(`[data-focus="${CSS.escape(held)}"]`)?.focus({preventScroll: true})
  }
  for (const name of ["cards", "total", "page", "page_size", "selected"]) model.on(name, draw)
  draw()
}

function drawCards(model) {
  const list = make("ul", model.chips ? "chips" : "cards")
  list.setAttribute("role", "list")
  list.setAttribute("aria-label", model.label)
  for (const card of model.cards) list.append(model.chips ? drawChip(model, card) : drawCard(model, card))
  list.onkeydown = event => {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key]
    const item = event.target.closest?.("li")
    if (!step || !item) return
    const next = step > 0 ? item.nextElementSibling : item.previousElementSibling
    if (next) {
      event.preventDefault()
      next.querySelector(`.${event.target.classList[0]}`)?.focus()
    }
  }
  return list
}

function drawCard(model, card) {
  const chosen = card.id === model.selected
  const item = make("li", chosen ? "card chosen" : "card")
  const choose = make("button", "choose")
  choose.dataset.focus = `choose-${card.id}`
  choose.setAttribute("aria-pressed", String(chosen))
  choose.append(icon(chosen ? "check_circle" : "radio_button_unchecked", "mark"))
  const words = make("span", "words")
  const name = make("span", "name", card.name)
  words.append(name)
  if (card.tag) words.append(make("span", "tag", card.tag))
  if (card.note) words.append(make("span", "note", card.note))
  if (card.badges?.length) {
    const badges = make("span", "badges")
    for (const badge of card.badges) badges.append(drawBadge(badge))
    words.append(badges)
  }
  if (card.share != null) words.append(drawShare(card))
  choose.append(words)
  choose.onclick = () => { model.selected = card.id }
  const collect = make("button", card.collected ? "collect in" : "collect")
  collect.dataset.focus = `collect-${card.id}`
  collect.setAttribute("aria-pressed", String(Boolean(card.collected)))
  collect.setAttribute("aria-label", `${card.name}: ${card.collected ? "in the group" : "add to the group"}`)
  collect.title = card.collected ? "In the group: take out" : "Add to the group"
  collect.append(icon(card.collected ? "group" : "group_add"))
  collect.onclick = () => { model.collected = {id: card.id, at: String(performance.now())} }
  item.append(choose, collect)
  return item
}

function drawChip(model, card) {
  const item = make("li", "chip")
  item.append(make("span", "name", card.name))
  const out = make("button", "out")
  out.dataset.focus = `out-${card.id}`
  out.setAttribute("aria-label", `Take ${card.name} out of the group`)
  out.append(icon("close"))
  out.onclick = () => { model.collected = {id: card.id, at: String(performance.now())} }
  item.append(out)
  return item
}

function drawBadge(badge) {
  const content = make("span", `${badge.badge ? "badge " : ""}${badge.tone ?? "plain"}`)
  if (badge.icon) content.append(icon(badge.icon))
  content.append(make("span", "text", badge.text))
  if (badge.detail) content.append(make("span", "detail", badge.detail))
  return content
}

function drawShare(card) {
  const line = make("span", "share")
  line.append(make("span", "share-label", card.share_label))
  const bar = make("span", "bar")
  const fill = make("span", "fill")
  fill.style.width = `${100 * Math.min(Math.max(card.share, 0), 1)}%`
  bar.append(fill)
  line.append(bar)
  return line
}

function drawFooter(model) {
  const footer = make("div", "footer")
  footer.hidden = model.chips && countPages(model) === 1
  const shown = make("span", "range", sayRange(model))
  shown.setAttribute("role", "status")
  footer.append(
    shown,
    pager(model, "first_page", "First page", 0, model.label),
    pager(model, "chevron_left", "Previous page", model.page - 1, model.label),
    pager(model, "chevron_right", "Next page", model.page + 1, model.label),
  )
  return footer
}
