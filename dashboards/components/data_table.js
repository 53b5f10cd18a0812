// Builds the table of DataTable. Every text goes through textContent: nothing that a row holds can become markup.

export function render({model, el}) {
  const root = make("div", "root")
  el.append(root)

  const draw = () => {
    const held = heldFocus(el)
    root.replaceChildren(drawTable(model), drawFooter(model))
    if (held) root.querySelector(`[data-focus="${CSS.escape(held)}"]`)?.focus({preventScroll: true})
  }
  for (const name of ["columns", "rows", "total", "page", "page_size", "sort", "selected"]) model.on(name, draw)
  draw()
}

function drawTable(model) {
  const table = make("table")
  table.setAttribute("aria-label", model.label)
  const head = make("tr")
  for (const column of model.columns) head.append(drawHeading(model, column))
  const body = make("tbody")
  for (const row of model.rows) body.append(drawRow(model, row))
  const thead = make("thead")
  thead.append(head)
  table.append(thead, body)
  const scroller = make("div", "scroller")
  scroller.append(table)
  return scroller
}

function drawHeading(model, column) {
  const heading = make("th", classesOf(column))
  heading.scope = "col"
  if (column.help) heading.title = column.help
  if (!column.sortable) {
    heading.textContent = column.title
    return heading
  }
  const sorted = model.sort.by === column.key
  const descending = model.sort.order === "desc"
  heading.setAttribute("aria-sort", sorted ? (descending ? "descending" : "ascending") : "none")
  const button = make("button", sorted ? "sort active" : "sort")
  button.dataset.focus = `sort-${column.key}`
  button.append(make("span", "", column.title), icon(sorted && !descending ? "arrow_upward" : "arrow_downward"))
  button.onclick = () => {
    const order = sorted ? (descending ? "asc" : "desc") : column.numeric ? "desc" : "asc"
    model.sort = {by: column.key, order}
  }
  heading.append(button)
  return heading
}

function drawRow(model, row) {
  const line = make("tr", [row.id === model.selected && "chosen", row.mark && "marked"].filter(Boolean).join(" "))
  line.dataset.id = row.id
  const choose = () => { model.selected = row.id }
  line.onclick = choose
  model.columns.forEach((column, index) => {
    const content = drawCell(row.cells[column.key])
    const cell = make(index ? "td" : "th", classesOf(column))
    if (index) {
      cell.append(content)
      if (row.cells[column.key]?.deeds) cell.append(drawDeeds(model, row, row.cells[column.key].deeds))
    } else {
      cell.scope = "row"
      const button = make("button", "name")
      button.dataset.focus = `row-${row.id}`
      button.setAttribute("aria-pressed", String(row.id === model.selected))
      button.append(content)
      if (row.mark) button.append(make("span", "heard", ", "), make("span", "heard mark-word", row.mark))
      cell.append(button)
    }
    line.append(cell)
  })
  return line
}

function drawCell(cell = {}) {
  const content = make("span", `cell ${cell.tone ?? "plain"}${cell.badge ? " badge" : ""}`)
  if (cell.icon) content.append(icon(cell.icon))
  if (cell.text) content.append(cell.link ? drawLink(cell) : make("span", "text", cell.text))
  if (cell.detail) content.append(make("span", "detail", cell.detail))
  if (cell.share != null) content.append(drawBar(cell))
  if (cell.spark) content.append(drawSpark(cell))
  return content
}

function drawLink(cell) {
  const link = make("a", "text", cell.text)
  const target = new URL(cell.link, location.href)
  if (target.origin === location.origin) link.href = target.href
  link.onclick = event => event.stopPropagation()
  return link
}

function drawDeeds(model, row, deeds) {
  const group = make("span", "deeds")
  for (const deed of deeds) {
    const button = make("button", "deed")
    button.dataset.focus = `deed-${row.id}-${deed.key}`
    button.setAttribute("aria-label", deed.label)
    button.title = deed.label
    button.append(icon(deed.icon))
    button.onclick = event => {
      event.stopPropagation()
      model.deed = {row: row.id, key: deed.key, at: String(performance.now())}
    }
    group.append(button)
  }
  return group
}

function drawSpark(cell) {
  const [width, height, edge] = [72, 22, 2]
  const known = cell.spark.filter(value => value != null)
  const top = Math.max(...known, cell.spark_limit ?? 0, 1e-9)
  const x = place => edge + (width - 2 * edge) * place / Math.max(cell.spark.length - 1, 1)
  const y = value => height - edge - (height - 2 * edge) * value / top
  const picture = shape("svg", {viewBox: `0 0 ${width} ${height}`, width, height, class: "spark", "aria-hidden": "true"})
  if (cell.spark_limit != null) {
    picture.append(shape("line", {x1: 0, x2: width, y1: y(cell.spark_limit), y2: y(cell.spark_limit), class: "spark-limit"}))
  }
  let path = ""
  cell.spark.forEach((value, place) => {
    if (value != null) path += `${cell.spark[place - 1] == null ? "M" : "L"}${x(place).toFixed(1)} ${y(value).toFixed(1)}`
  })
  picture.append(shape("path", {d: path, class: "spark-line"}))
  const last = cell.spark.at(-1)
  if (last != null) picture.append(shape("circle", {cx: x(cell.spark.length - 1), cy: y(last), r: 2, class: "spark-end"}))
  return picture
}

function drawBar(cell) {
  const bar = make("span", "bar")
  if (cell.low != null) {
    const band = make("span", "band")
    band.style.left = `${100 * cell.low}%`
    band.style.width = `${100 * Math.max(Math.min(cell.high, 1) - cell.low, 0)}%`
    bar.append(band)
  }
  const fill = make("span", "fill")
  fill.style.width = `${100 * Math.min(cell.share, 1)}%`
  bar.append(fill)
  if (cell.limit != null) {
    const mark = make("span", "mark")
    mark.style.left = `${100 * cell.limit}%`
    bar.append(mark)
  }
  return bar
}

function drawFooter(model) {
  const footer = make("div", "footer")
  const first = model.page * model.page_size
  const last = Math.min(first + model.page_size, model.total)
  const number = (n) => n.toLocaleString("en-US")
  const range = model.total ? `${number(first + 1)}–${number(last)} of ${number(model.total)}` : "0 of 0"
  const shown = make("span", "range", range)
  shown.setAttribute("role", "status")
  const final = Math.max(Math.ceil(model.total / model.page_size) - 1, 0)
  footer.append(
    shown,
    pager(model, "first_page", "First page", 0, model.page === 0),
    pager(model, "chevron_left", "Previous page", model.page - 1, model.page === 0),
    pager(model, "chevron_right", "Next page", model.page + 1, model.page >= final),
    pager(model, "last_page", "Last page", final, model.page >= final),
  )
  return footer
}

function pager(model, name, label, page, disabled) {
  const button = make("button", "pager")
  button.dataset.focus = name
  button.disabled = disabled
  button.setAttribute("aria-label", label)
  button.append(icon(name))
  button.onclick = () => { model.page = page }
  return button
}

function classesOf(column) {
  return [column.numeric && "numeric", column.hidden_below && `below-${column.hidden_below}`].filter(Boolean).join(" ")
}

function icon(name) {
  const mark = make("span", "icon", name)
  mark.setAttribute("aria-hidden", "true")
  return mark
}

function make(tag, classes = "", text = "") {
  const element = document.createElement(tag)
  if (tag === "button") element.type = "button"
  if (classes) element.className = classes
  if (text) element.textContent = text
  return element
}

function shape(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  return element
}

function heldFocus(el) {
  return el.getRootNode().activeElement?.dataset?.focus
}
