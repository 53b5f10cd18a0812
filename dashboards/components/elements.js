// What several components build alike; it stands before the script of each, see `read_script`. A model that is paged
// has `page`, `page_size` and `total`.

function make(tag, classes = "", text = "") {
  const element = document.createElement(tag)
  if (tag === "button") element.type = "button"
  if (classes) element.className = classes
  if (text) element.textContent = text
  return element
}

function icon(name, classes = "") {
  const mark = make("span", classes ? `icon ${classes}` : "icon", name)
  mark.setAttribute("aria-hidden", "true")
  return mark
}

function countPages(model) {
  return Math.max(Math.ceil(model.total / model.page_size), 1)
}

function sayRange(model) {
  const first = model.page * model.page_size
  const last = Math.min(first + model.page_size, model.total)
  const number = n => n.toLocaleString("en-US")
  return model.total ? `${number(first + 1)}–${number(last)} of ${number(model.total)}` : "0 of 0"
}

// Leads to another page; `of` says of what, where a page has several lists.
function pager(model, name, label, page, of = "") {
  const button = make("button", "pager")
  button.dataset.focus = name
  button.disabled = page === model.page || page < 0 || page >= countPages(model)
  button.setAttribute("aria-label", of ? `${label}: ${of}` : label)
  button.append(icon(name))
  button.onclick = () => { model.page = page }
  return button
}

function heldFocus(el) {
  return el.getRootNode().activeElement?.dataset?.focus
}
