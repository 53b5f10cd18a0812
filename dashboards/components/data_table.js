// Builds the table of DataTable. Every text goes through textContent: nothing that a row holds can become markup.

export function render({model, el}) {
  const scroller = make("div", "scroller")
  const hint = make("p", "hint", "More columns: scroll sideways")
  hint.append(icon("arrow_forward"))
  const heard = make("p", "heard") // stays, so that what is put into it is said
  heard.setAttribute("role", "status")
  const root = make("div", "root")
  const frame = make("div", "frame")
  frame.append(scroller)
  root.append(frame, hint)
  el.append(root, heard)

  const look = () => {
    const hidden = scroller.scrollWidth - scroller.clientWidth
    root.classList.toggle("overflows", hidden > 1)
    root.classList.toggle("moved", scroller.scrollLeft > 1)
    root.classList.toggle("more", hidden - scroller.scrollLeft > 1)
  }
  scroller.onscroll = look
  const watcher = new ResizeObserver(look)

  const draw = () => {
    const held = heldFocus(el)
    const table = drawTable(model)
    scroller.replaceChildren(table)
    watcher.disconnect()
    for (const measured of [scroller, table]) watcher.observe(measured)
    root.querySelector(".footer")?.remove()
    root.append(drawFooter(model))
    if (held) root.querySelector(`[data-focus="${CSS.escape(held)}"]`)?.focus({preventScroll: true})
  }
  for (const name of ["columns", "rows", "total", "page", "page_size", "sort", "selected"]) model.on(name, draw)
  model.on("sort", () => { heard.textContent = sayOrder(model) })
  model.on("page", () => { heard.textContent = `Page ${model.page + 1} of ${countPages(model)}` })
  draw()
}

function sayOrder(model) {
  const column = model.columns.find(column => column.key === model.sort.by)
  return column ? `Sorted by ${column.title}, ${model.sort.order === "desc" ? "descending" : "ascending"}` : ""
}

function drawTable(model) {
  const table = make("table")
  table.setAttribute("aria-label", model.label)
  const head = make("tr")
  for (const column of model.columns) head.append(drawHeading(model, column))
  const body = make("tbody")
  const ends = findEnds(model)
  for (const row of model.rows) body.append(drawRow(model, row, ends))
  const thead = make("thead")
  thead.append(head)
  table.append(thead, body)
  return table
}

// By column the share at which its bars end: 1, or the fullest of them, so that all of a column can be compared.
function findEnds(model) {
  const ends = {}
  for (const {key} of model.columns) {
    ends[key] = Math.max(1, ...model.rows.map(row => row.cells[key]?.share ?? 0))
  }
  return ends
}

function drawHeading(model, column) {
  const heading = make("th", classesOf(column))
  heading.scope = "col"
  if (column.help) heading.title = column.help
  if (!column.sortable) {
    if (column.title) heading.textContent = column.title
    else heading.append(make("span", "heard", "Actions"))
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

function drawRow(model, row, ends) {
  const chosen = row.id === model.selected
  const line = make("tr", [chosen && "chosen", row.mark && "marked"].filter(Boolean).join(" "))
  line.dataset.id = row.id
  if (chosen) line.setAttribute("aria-current", "true")
  const choose = () => { model.selected = row.id }
  line.onclick = choose
  model.columns.forEach((column, index) => {
    const held = row.cells[column.key] ?? {}
    const content = drawCell(held, ends[column.key])
    const cell = make(index ? "td" : "th", classesOf(column))
    if (index) {
      cell.append(content)
      if (held.deeds) cell.append(drawDeeds(model, row, held.deeds))
    } else {
      cell.scope = "row"
      const name = held.link ? drawLinkedName(row, content, choose) : drawName(row, content, chosen)
      if (row.mark) name.append(make("span", "heard", ", "), make("span", "heard mark-word", row.mark))
      cell.append(name)
    }
    line.append(cell)
  })
  return line
}

function drawName(row, content, chosen) {
  const button = make("button", "name")
  button.dataset.focus = `row-${row.id}`
  button.setAttribute("aria-pressed", String(chosen))
  button.append(content)
  return button
}

function drawLinkedName(row, content, choose) {
  const name = make("span", "name")
  const link = content.querySelector("a")
  link.dataset.focus = `row-${row.id}`
  // Who goes through the rows by keyboard sees what is told of each.
  link.onfocus = () => { if (link.matches(":focus-visible")) choose() }
  name.append(content)
  return name
}

function drawCell(cell, end) {
  const content = make("span", `cell ${cell.tone ?? "plain"}${cell.badge ? " badge" : ""}`)
  if (cell.icon) content.append(icon(cell.icon))
  if (cell.text) content.append(cell.link ? drawLink(cell) : make("span", "text", cell.text))
  if (cell.detail) content.append(make("span", "detail", cell.detail))
  if (cell.narrow) content.append(make("span", "detail narrow", cell.narrow))
  if (cell.share != null) content.append(drawBar(cell, end))
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

function drawBar(cell, end) {
  const bar = make("span", "bar")
  const percent = share => `${100 * Math.max(0, Math.min(share / end, 1))}%`
  if (cell.low != null) {
    const band = make("span", "band")
    band.style.left = percent(cell.low)
    band.style.right = `calc(100% - ${percent(cell.high)})`
    bar.append(band)
  }
  const fill = make("span", "fill")
  fill.style.width = percent(cell.share)
  bar.append(fill)
  if (cell.limit != null) {
    const mark = make("span", "mark")
    mark.style.left = percent(cell.limit)
    bar.append(mark)
  }
  return bar
}

function drawFooter(model) {
  const footer = make("div", "footer")
  const last = countPages(model) - 1
  footer.append(
    make("span", "range", sayRange(model)),
    pager(model, "first_page", "First page", 0),
    pager(model, "chevron_left", "Previous page", model.page - 1),
    pager(model, "chevron_right", "Next page", model.page + 1),
    pager(model, "last_page", "Last page", last),
  )
  return footer
}

function classesOf(column) {
  return [column.numeric && "numeric", column.hidden_below && `below-${column.hidden_below}`].filter(Boolean).join(" ")
}

function shape(tag, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  return element
}
