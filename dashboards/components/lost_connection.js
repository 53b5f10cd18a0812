// Run when the page has lost the server that it follows: say so, and load it anew once the server answers.

if (!document.getElementById("lost-connection")) {
  const banner = document.createElement("div")
  banner.id = "lost-connection"
  banner.setAttribute("role", "alert")
  banner.textContent = "The connection to the dashboards is lost. What you see may be out of date; it loads anew once they answer."
  banner.style.cssText =
    "position: fixed; inset: auto 16px 16px; z-index: 2000; padding: 12px 18px; border-radius: 8px; " +
    "background: #b3261e; color: #fff; font: 500 .875rem/1.4 Inter, Roboto, 'Helvetica Neue', Arial, sans-serif;"
  document.body.append(banner)

  const again = () => setTimeout(ask, 2000)
  const ask = () => fetch("login", {cache: "no-store"}).then(answer => answer.ok ? location.reload() : again(), again)
  again()
}
