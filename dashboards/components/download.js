// Saves the text of `file` under its name.

export function render({model}) {
  model.on("file", () => {
    if (!model.file.name) return
    const address = URL.createObjectURL(new Blob([model.file.text], {type: "text/csv;charset=utf-8"}))
    const link = document.createElement("a")
    link.href = address
    link.download = model.file.name
    link.click()
    setTimeout(() => URL.revokeObjectURL(address), 10_000)
    model.file = {}  // so that the server does not keep it
  })
}
