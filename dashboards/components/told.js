// Says what came of an act. The two places stay in the page, so that those who listen hear what is put into them.

const ICONS = {good: "check_circle", bad: "error"}

export function render({model, el}) {
  const places = {status: make("div"), alert: make("div")}
  for (const [role, place] of Object.entries(places)) {
    place.setAttribute("role", role)
    el.append(place)
  }
  const host = el.getRootNode().host
  const show = line => {
    places.status.replaceChildren()
    places.alert.replaceChildren()
    if (line) places[model.said.tone === "bad" ? "alert" : "status"].append(line)
    host.style.position = line ? "" : "absolute" // so that no gap is left where nothing is said
    host.style.width = line ? "" : "0"
  }
  const draw = () => show(model.said.text ? drawLine(model.said, () => show(null)) : null)
  model.on("said", draw)
  draw()
}

function drawLine({text, tone}, close) {
  const line = make("p", tone)
  line.append(tone === "busy" ? make("span", "spinner") : icon(ICONS[tone]), make("span", "text", text))
  if (tone !== "busy") {
    const button = make("button", "icon", "close")
    button.setAttribute("aria-label", "Close")
    button.onclick = close
    line.append(button)
  }
  return line
}
