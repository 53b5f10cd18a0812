"""The page that shows the OpenAPI document. All that it loads is served here; BentoML's own page carries a tracker."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse

PAGE: Final = """<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Tutor Quality Scoring: the HTTP API</title>
    <link rel="stylesheet" href="/static_content/swagger-ui.css">
    <link rel="stylesheet" href="/static_content/index.css">
    <link rel="icon" type="image/png" href="/static_content/favicon-light-32x32.png">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/static_content/swagger-ui-bundle.js"></script>
    <script src="/static_content/swagger-ui-standalone-preset.js"></script>
    <script src="/static_content/swagger-initializer.js"></script>
  </body>
</html>
"""


async def show_docs(_: Request) -> HTMLResponse:
    """The page."""
    return HTMLResponse(PAGE)
