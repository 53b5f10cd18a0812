"""Who may see the dashboards: one password, generated, kept beside the other keys and readable only by its owner.

The cookie that remembers a login is signed with the password in the key, so a new password ends every old login.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import stat
from pathlib import Path
from typing import Final

from bokeh.server.auth_provider import AuthProvider
from jinja2 import Environment, FileSystemLoader
from tornado.web import RequestHandler

from tqs.errors import SettingsError
from tqs.private_files import write_private_file

USER: Final = "admin"
LOGIN_DAYS: Final = 7
PASSWORD_FILE: Final = "dashboard-password"  # noqa: S105  # the name of the file
COOKIE_SECRET_FILE: Final = "dashboard-cookie-secret"  # noqa: S105
COOKIE: Final = "user"  # where Panel looks for the name of who is logged in
SHORTEST_SECRET: Final = 12  # characters


def ensure_password(home: Path) -> str:
    """The dashboards' password, kept in `home` and generated where there is none.

    Raises
    ------
    SettingsError
        where the file cannot be used, or others than its owner may read it.
    """
    return _ensure_secret(home / PASSWORD_FILE, length=16)


def derive_cookie_secret(home: Path) -> str:
    """The key that signs the cookies: another one with every new password."""
    secret = _ensure_secret(home / COOKIE_SECRET_FILE, length=32)
    return hmac.new(secret.encode(), ensure_password(home).encode(), hashlib.sha256).hexdigest()


class PasswordLogin(AuthProvider):  # type: ignore[misc]  # Bokeh is not typed for us
    """Asks every request for the cookie of a login, and sends those without one to the page that gives it."""

    login_url = "/login"
    logout_url = "/logout"
    get_login_url = None
    get_user_async = None
    get_user = None
    login_handler = None
    logout_handler = None

    def __init__(self, password: str) -> None:
        self.get_user = read_user
        self.login_handler = type("Login", (_Login,), {"password": password})
        self.logout_handler = _Logout
        super().__init__()


def read_user(handler: RequestHandler) -> str | None:
    """Who sends this request, by the signed cookie; None for a stranger."""
    name = handler.get_signed_cookie(COOKIE, max_age_days=LOGIN_DAYS)
    return None if name is None else name.decode()


class _Login(RequestHandler):
    password: str

    def get(self) -> None:
        self._show(error="")

    def post(self) -> None:
        name, password = self.get_body_argument("username", ""), self.get_body_argument("password", "", strip=False)
        # Both are compared, and in constant time: the answer tells nothing about which one was wrong, or how far.
        known = hmac.compare_digest(name.encode(), USER.encode())
        right = hmac.compare_digest(password.encode(), self.password.encode())
        if not (known and right):
            self.set_status(401)
            self._show(error="That name and password do not belong together.")
            return
        self.set_signed_cookie(COOKIE, name, expires_days=LOGIN_DAYS, httponly=True, samesite="Lax")
        self.redirect(own_path(self.get_query_argument("next", "/")))

    def _show(self, error: str) -> None:
        _forbid_framing(self)
        self.finish(_template("login.html").render(error=error, user=USER, xsrf=self.xsrf_form_html()))


class _Logout(RequestHandler):
    def get(self) -> None:
        self.clear_cookie(COOKIE)
        self.redirect("/login")


def own_path(address: str) -> str:
    """`address` where it is a path of this server, else the start page: a login must not lead elsewhere."""
    own = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if own else "/"


def _forbid_framing(handler: RequestHandler) -> None:
    handler.set_header("Content-Security-Policy", "frame-ancestors 'none'")
    handler.set_header("Cache-Control", "no-store")


def _template(name: str):  # type: ignore[no-untyped-def]
    return Environment(loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True).get_template(name)


def _ensure_secret(file: Path, length: int) -> str:
    try:
        if not file.exists():
            write_private_file(file, secrets.token_urlsafe(length) + "\n", replace=False)
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise SettingsError(f"{file} can be read by others than its owner; run `chmod 600 {file}`")
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be used ({error}); give its owner the right to, or delete it") from error
    if len(secret) < SHORTEST_SECRET:
        raise SettingsError(
            f"{file} holds {len(secret)} characters and needs {SHORTEST_SECRET} or more; delete it for a new one"
        )
    return secret
